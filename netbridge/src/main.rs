//! spike
fn main() {
    for c in netbridge::datapath::program_costs().unwrap() {
        println!("{c:?}");
    }
    let dir = netbridge::datapath::PinDir::private("x").unwrap();
    netbridge::datapath::create(&dir, &Default::default()).unwrap();
    let mut maps = netbridge::datapath::Maps::open(&dir).unwrap();
    let progs = netbridge::datapath::Programs::open(&dir).unwrap();
    maps.write_xdp_flood(&[1], progs.egress_fd().unwrap())
        .unwrap();
    println!(
        "{:?}",
        std::process::Command::new("ls")
            .arg("-la")
            .arg(
                dir.object("")
                    .display()
                    .to_string()
                    .replace("self", &std::process::id().to_string())
            )
            .output()
    );
}

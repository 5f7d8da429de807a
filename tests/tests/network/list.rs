//! `network ls`, `inspect --format`, `rm` and `prune`, as `docker network` has them.

use netbridge_tests::require_root;

use super::bed::{Bed, text};

/// Networks web, with two labels, and db, on an internal network.
fn two(bed: &Bed) {
    bed.ok(&[
        "network",
        "create",
        "web",
        "--label",
        "tier=front",
        "--label",
        "plain",
    ]);
    bed.ok(&[
        "network",
        "create",
        "db",
        "--internal",
        "--label",
        "tier=back",
    ]);
}

#[test]
fn the_table_is_the_one_that_docker_prints() {
    require_root!();
    let bed = Bed::new();
    two(&bed);
    let table = bed.ok(&["network", "ls"]);
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines[0], "NETWORK ID     NAME     DRIVER   SCOPE");
    let id = text(&bed.inspect("web")["Id"]);
    assert_eq!(lines[5], format!("{}   web      bridge   local", &id[..12]));
    let names: Vec<_> = lines[1..]
        .iter()
        .filter_map(|line| line.split("   ").nth(1))
        .collect();
    assert_eq!(names, ["bridge", "db", "host", "none", "web"]);
    let whole = bed.ok(&["network", "list", "--no-trunc"]);
    assert!(whole.contains(&id), "{whole}");
    assert_eq!(
        bed.ok(&["network", "ls", "-q", "--filter", "name=web"]),
        format!("{}\n", &id[..12])
    );
    let quiet = bed.ok(&["network", "ls", "-q", "--no-trunc"]);
    assert!(quiet.lines().count() == 5 && quiet.contains(&id), "{quiet}");
    bed.end();
}

#[test]
fn filters_leave_those_that_match() {
    require_root!();
    let bed = Bed::new();
    two(&bed);
    bed.join("web", "c1", &[]);
    let id = text(&bed.inspect("db")["Id"]);
    let start = format!("id={}", &id[..6]);
    for (filters, wanted) in [
        (&["driver=bridge"][..], "bridge db web"),
        (&["driver=host"], "host"),
        (&["name=e"], "bridge none web"),
        (&["label=tier"], "db web"),
        (&["label=tier=back"], "db"),
        (&["label=plain"], "web"),
        (&["label=other"], ""),
        (&["type=custom"], "db web"),
        (&["type=builtin"], "bridge host none"),
        (&["scope=local"], "bridge db host none web"),
        (&["scope=swarm"], ""),
        (&["dangling=true"], "db"),
        (&[&start], "db"),
        (&["driver=bridge", "name=b"], "bridge db web"),
    ] {
        let flags: Vec<&str> = filters
            .iter()
            .flat_map(|filter| ["--filter", filter])
            .collect();
        let list = ["network", "ls", "--format", "{{.Name}}"];
        let names = bed.ok(&[&list[..], &flags].concat());
        let names: Vec<&str> = names.lines().collect();
        assert_eq!(names.join(" "), wanted, "{filters:?}");
    }
    bed.end();
}

#[test]
fn lists_are_json_and_templates_of_go() {
    require_root!();
    let bed = Bed::new();
    two(&bed);
    let all = bed.json(&["network", "ls", "--json"]);
    let all = all.as_array().expect("an array");
    assert_eq!(all.len(), 5);
    let web = all.iter().find(|one| one["Name"] == "web").expect("web");
    let wanted = serde_json::json!({
        "ID": web["ID"], "Name": "web", "Driver": "bridge", "Scope": "local", "IPv6": "false",
        "Internal": "false", "Labels": "plain=,tier=front", "CreatedAt": web["CreatedAt"],
    });
    assert_eq!(web, &wanted);
    for (format, wanted) in [
        ("{{.Name}}: {{.Driver}}", "web: bridge\n"),
        ("{{.Name}}\\t{{.Internal}}", "web\tfalse\n"),
        (
            "table {{.Name}}\\t{{.Driver}}",
            "NAME   DRIVER\nweb    bridge\n",
        ),
        ("{{if eq .Driver \"bridge\"}}yes{{else}}no{{end}}", "yes\n"),
        ("{{upper .Name}}", "WEB\n"),
    ] {
        let list = ["network", "ls", "--filter", "name=web", "--format", format];
        assert_eq!(bed.ok(&list), wanted, "{format}");
    }
    let lines = bed.ok(&["network", "ls", "--format", "json"]);
    assert!(
        lines.lines().count() == 5 && lines.lines().all(|line| line.starts_with('{')),
        "{lines}"
    );
    bed.end();
}

#[test]
fn inspect_takes_names_ids_and_templates() {
    require_root!();
    let bed = Bed::new();
    bed.ok(&[
        "network",
        "create",
        "web",
        "--subnet",
        "10.8.0.0/24",
        "--label",
        "tier=front",
    ]);
    bed.join("web", "c1", &[]);
    let id = text(&bed.inspect("web")["Id"]);
    for name in [&id, &id[..12], &id[..5], "web"] {
        assert_eq!(bed.inspect(name)["Name"], "web");
    }
    for (format, wanted) in [
        (
            "{{range .IPAM.Config}}{{.Subnet}} {{.Gateway}}{{end}}",
            "10.8.0.0/24 10.8.0.1",
        ),
        (
            "{{range .Containers}}{{.Name}} {{.IPv4Address}}{{end}}",
            "c1 10.8.0.2/24",
        ),
        (
            "{{range $id, $c := .Containers}}{{$c.MacAddress}}{{end}}",
            "02:42:0a:08:00:02",
        ),
        ("{{.Labels.tier}}", "front"),
        ("{{json .Labels}}", r#"{"tier":"front"}"#),
        ("{{index .Labels \"tier\"}}", "front"),
        ("{{len .Containers}}", "1"),
    ] {
        let inspect = ["network", "inspect", "web", "--format", format];
        assert_eq!(bed.ok(&inspect), format!("{wanted}\n"), "{format}");
    }
    // Two at once; and what is there is shown beside the complaint of what is not.
    let two = bed.json(&["network", "inspect", "web", "none"]);
    assert_eq!(two.as_array().map(Vec::len), Some(2));
    let output = bed.host.cli(&["network", "inspect", "web", "nosuch"]);
    assert_eq!(output.code, 2, "{output:#?}");
    assert!(
        output.stdout.contains("\"web\"") && output.stderr.contains("network nosuch: not found")
    );
    bed.end();
}

#[test]
fn several_are_removed_and_the_unused_pruned() {
    require_root!();
    let bed = Bed::new();
    for name in ["n1", "n2", "n3", "n4"] {
        bed.ok(&["network", "create", name]);
    }
    assert_eq!(bed.ok(&["network", "rm", "n1", "n2"]), "n1\nn2\n");
    let output = bed.host.cli(&["network", "rm", "nosuch", "n3", "bridge"]);
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (2, "n3\n"),
        "{output:#?}"
    );
    assert!(
        output.stderr.contains("nosuch") && output.stderr.contains("predefined"),
        "{output:#?}"
    );
    bed.join("n4", "c1", &[]);
    bed.ok(&["network", "create", "n5"]);
    // Nobody says yes.
    let output = bed.host.cli(&["network", "prune"]);
    assert_eq!(output.code, 1, "{output:#?}");
    assert!(output.stderr.contains("[y/N]"), "{output:#?}");
    assert!(
        output
            .stderr
            .contains("prune: nothing removed; agree with y, or give --force")
    );
    assert_eq!(
        bed.ok(&["network", "prune", "--force"]),
        "Deleted Networks:\nn5\n"
    );
    assert_eq!(bed.names(), ["bridge", "host", "n4", "none"]);
    assert_eq!(bed.ok(&["network", "prune", "--force"]), "");
    let json = bed.json(&["network", "prune", "--force", "--json"]);
    assert_eq!(json, serde_json::json!({"NetworksDeleted": []}));
    let shown = bed.json(&["network", "create", "n6", "--json"]);
    assert_eq!(shown["Id"], bed.inspect("n6")["Id"]);
    bed.end();
}

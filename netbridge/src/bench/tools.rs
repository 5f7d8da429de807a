//! The benchmark's own programs: generator, sinks, static redirects.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use aya::{
    Ebpf, EbpfLoader, TestRun as _, include_bytes_aligned,
    maps::{Array, PerCpuArray, xdp::DevMap},
    programs::{
        LinkOrder, Program, ProgramError, SchedClassifier, TcAttachType, TestRunAttrs,
        TestRunOptions, Xdp, XdpMode, tc::TcAttachOptions,
    },
};
use netbridge_common::bench::{BenchConf, BenchSink, name};

static OBJECT: &[u8] = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/netbridge-bench.bpf.o"));

/// Frames that the generator hands to the driver at a time, as a driver's poll would.
const BATCH: u32 = 64;

/// The loaded programs; what they are attached to is let go when the value is.
pub(super) struct Tools {
    ebpf: Ebpf,
}

impl Tools {
    /// Loads them.
    pub(super) fn load() -> Result<Self> {
        ensure!(
            !OBJECT.is_empty(),
            "this binary holds no eBPF object; build it again"
        );
        let ebpf = EbpfLoader::new()
            .load(OBJECT)
            .context("load the benchmark's programs")?;
        Ok(Self { ebpf })
    }

    fn program<'a, P>(&'a mut self, name: &str) -> Result<&'a mut P>
    where
        &'a mut P: TryFrom<&'a mut Program, Error = ProgramError>,
    {
        let program = self
            .ebpf
            .program_mut(name)
            .with_context(|| format!("no program {name}"))?;
        Ok(program.try_into()?)
    }

    fn loaded_xdp(&mut self, name: &str) -> Result<&mut Xdp> {
        let xdp: &mut Xdp = self.program(name)?;
        if xdp.fd().is_err() {
            xdp.load().with_context(|| format!("load {name}"))?;
        }
        Ok(xdp)
    }

    fn loaded_tc(&mut self, name: &str) -> Result<&mut SchedClassifier> {
        let tc: &mut SchedClassifier = self.program(name)?;
        if tc.fd().is_err() {
            tc.load().with_context(|| format!("load {name}"))?;
        }
        Ok(tc)
    }

    /// Counts and drops what arrives on `ifname` of the calling thread's namespace.
    pub(super) fn attach_sink(&mut self, xdp: bool, ifname: &str) -> Result<()> {
        if xdp {
            self.loaded_xdp(name::SINK_XDP)?
                .attach(ifname, XdpMode::Driver)?;
        } else {
            let options = TcAttachOptions::TcxOrder(LinkOrder::last());
            let tc = self.loaded_tc(name::SINK_TC)?;
            tc.attach_with_options(ifname, TcAttachType::Ingress, options)?;
        }
        Ok(())
    }

    /// Redirects between `ifname` and the interface whose index differs in the last bit.
    pub(super) fn attach_static(&mut self, xdp: bool, ifname: &str, ifindex: u32) -> Result<()> {
        if xdp {
            let map = self.ebpf.map_mut(name::PORTS).context("no map of ports")?;
            DevMap::try_from(map)?.set(ifindex, ifindex, None, 0)?;
            self.loaded_xdp(name::STATIC_XDP)?
                .attach(ifname, XdpMode::Driver)?;
        } else {
            let options = TcAttachOptions::TcxOrder(LinkOrder::last());
            let tc = self.loaded_tc(name::STATIC_TC)?;
            tc.attach_with_options(ifname, TcAttachType::Ingress, options)?;
        }
        Ok(())
    }

    /// Sends `count` frames out of interface `ifindex` of the calling thread's namespace, and says how
    /// long that took.
    pub(super) fn generate(
        &mut self,
        frame: &[u8],
        ifindex: u32,
        conf: BenchConf,
        count: u32,
    ) -> Result<Duration> {
        let map = self
            .ebpf
            .map_mut(name::CONF)
            .context("no map of settings")?;
        Array::<_, BenchConf>::try_from(map)?.set(0, conf, 0)?;
        let ctx = xdp_md(u32::try_from(frame.len())?, ifindex);
        let generator = self.loaded_xdp(name::GENERATE)?;
        let result = generator
            .test_run(TestRunOptions {
                data_in: Some(frame),
                ctx_in: Some(&ctx),
                repeat: count,
                attrs: TestRunAttrs::new().xdp_live_frames(BATCH),
                ..TestRunOptions::default()
            })
            .context("generate frames")?;
        // The kernel's own time: the call's also has two RCU grace periods, some ticks long.
        Ok(result.duration * count)
    }

    /// Runs a program `repeat` times on a frame that came in on `ifindex`, and does nothing of what it
    /// returns; the mean time of a run.
    pub(super) fn time(
        &mut self,
        name: &str,
        frame: &[u8],
        ifindex: u32,
        repeat: u32,
    ) -> Result<Duration> {
        let result = if matches!(name, name::STATIC_TC | name::EMPTY_TC) {
            let ctx = sk_buff(ifindex);
            self.loaded_tc(name)?
                .test_run(frame_run(frame, &ctx, repeat))
        } else {
            let ctx = xdp_md(u32::try_from(frame.len())?, ifindex);
            self.loaded_xdp(name)?
                .test_run(frame_run(frame, &ctx, repeat))
        };
        Ok(result.with_context(|| format!("run {name}"))?.duration)
    }

    /// What has arrived on interface `ifindex` so far.
    pub(super) fn arrived(&self, ifindex: u32) -> Result<u64> {
        let map = self.ebpf.map(name::SINK).context("no map of sinks")?;
        let sinks: PerCpuArray<_, BenchSink> = PerCpuArray::try_from(map)?;
        Ok(sinks.get(&ifindex, 0)?.iter().map(|sink| sink.frames).sum())
    }
}

/// A run of a program on a frame, `repeat` times.
pub(super) fn frame_run<'a>(frame: &'a [u8], ctx: &'a [u8], repeat: u32) -> TestRunOptions<'a> {
    TestRunOptions {
        data_in: Some(frame),
        ctx_in: Some(ctx),
        repeat,
        ..TestRunOptions::default()
    }
}

/// The image of a `struct __sk_buff` for a frame that came in on `ifindex`.
pub(super) fn sk_buff(ifindex: u32) -> [u8; 192] {
    let mut image = [0; 192];
    image[40..44].copy_from_slice(&ifindex.to_ne_bytes());
    image
}

/// The image of a `struct xdp_md` for a frame of `len` octets that came in on `ifindex`.
pub(super) fn xdp_md(len: u32, ifindex: u32) -> [u8; 24] {
    let mut image = [0; 24];
    for (field, value) in [(4, len), (12, ifindex)] {
        image[field..field + 4].copy_from_slice(&value.to_ne_bytes());
    }
    image
}

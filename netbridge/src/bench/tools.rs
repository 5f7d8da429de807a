//! The benchmark's own programs: generator, sinks, static redirects.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use aya::{
    Ebpf, EbpfLoader, Pod, TestRun as _, include_bytes_aligned,
    maps::{Array, PerCpuArray, PerCpuValues, xdp::DevMap},
    programs::{
        LinkOrder, Program, ProgramError, SchedClassifier, TcAttachType, TestRunAttrs,
        TestRunOptions, Xdp, XdpMode, tc::TcAttachOptions,
    },
    util::nr_cpus,
};
use netbridge_common::bench::{BenchConf, BenchSent, BenchSink, name};

static OBJECT: &[u8] = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/netbridge-bench.bpf.o"));

/// Frames that the generator hands to the driver at a time, as a driver's poll would.
pub(super) const BATCH: u32 = 64;

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
        let mut tools = Self { ebpf };
        tools.loaded_xdp(name::GENERATE)?;
        Ok(tools)
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

    /// Says what the generator shall send out of interface `ifindex` from now on.
    pub(super) fn configure(&mut self, ifindex: u32, conf: BenchConf) -> Result<()> {
        let map = self
            .ebpf
            .map_mut(name::CONF)
            .context("no map of settings")?;
        Array::<_, BenchConf>::try_from(map)?.set(ifindex, conf, 0)?;
        // From the first frame: which are sent, and to whom, is then known beforehand.
        let map = self.ebpf.map_mut(name::SENT).context("no map of counts")?;
        let none = per_cpu(BenchSent::default())?;
        Ok(PerCpuArray::<_, BenchSent>::try_from(map)?.set(ifindex, none, 0)?)
    }

    /// Lets the sink on interface `ifindex` take so long for each frame, and counts from 0.
    pub(super) fn slow_down(&mut self, ifindex: u32, gap: Duration) -> Result<()> {
        let map = self.ebpf.map_mut(name::SINK).context("no map of sinks")?;
        let slow = per_cpu(BenchSink {
            gap: u64::try_from(gap.as_nanos())?,
            ..BenchSink::default()
        })?;
        Ok(PerCpuArray::<_, BenchSink>::try_from(map)?.set(ifindex, slow, 0)?)
    }

    /// Sends `count` frames, `batch` at a time, out of interface `ifindex` of the calling thread's
    /// namespace, and says how long that took.
    pub(super) fn generate(
        &self,
        frame: &[u8],
        ifindex: u32,
        count: u32,
        batch: u32,
    ) -> Result<Duration> {
        let ctx = xdp_md(u32::try_from(frame.len())?, ifindex);
        let generator: &Xdp = self
            .ebpf
            .program(name::GENERATE)
            .context("no generator")?
            .try_into()?;
        let result = generator
            .test_run(TestRunOptions {
                data_in: Some(frame),
                ctx_in: Some(&ctx),
                repeat: count,
                attrs: TestRunAttrs::new().xdp_live_frames(batch),
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

/// The same value for every CPU.
fn per_cpu<T: Pod>(value: T) -> Result<PerCpuValues<T>> {
    let cpus = nr_cpus().map_err(|(file, error)| anyhow!("read {file}: {error}"))?;
    Ok(PerCpuValues::try_from(vec![value; cpus])?)
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

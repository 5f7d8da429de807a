//! What the benchmark's programs and its userspace share.

/// Most interfaces that the benchmark's maps can hold; interface indexes are below it.
pub const SLOTS: u32 = 256;

/// What the generator sends; the one element of map `BENCH_CONF`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BenchConf {
    /// Flows: that many destinations and sources are taken in turn; 0 or 1 for one.
    pub flows: u32,
    /// 1 to leave the destination alone and vary only the source.
    pub keep_dst: u32,
}

/// What arrived on an interface, on one CPU; the value of map `BENCH_SINK`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BenchSink {
    /// Frames.
    pub frames: u64,
    /// Octets.
    pub bytes: u64,
}

/// Names of the benchmark's maps and programs.
pub mod name {
    /// One [`super::BenchConf`].
    pub const CONF: &str = "BENCH_CONF";
    /// [`super::BenchSink`] by interface index, per CPU.
    pub const SINK: &str = "BENCH_SINK";
    /// Devmap for the static redirect, by interface index.
    pub const PORTS: &str = "BENCH_PORTS";
    /// XDP: sends the frame back out of the interface that it is run for.
    pub const GENERATE: &str = "bench_generate";
    /// XDP: counts and drops.
    pub const SINK_XDP: &str = "bench_sink_xdp";
    /// TC: counts and drops.
    pub const SINK_TC: &str = "bench_sink_tc";
    /// XDP: to the interface whose index differs in the last bit, without a lookup.
    pub const STATIC_XDP: &str = "bench_static_x";
    /// TC: the same.
    pub const STATIC_TC: &str = "bench_static_t";
    /// XDP: nothing.
    pub const EMPTY_XDP: &str = "bench_empty_x";
    /// TC: nothing.
    pub const EMPTY_TC: &str = "bench_empty_t";
}

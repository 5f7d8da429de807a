//! What the verifier made of each program: the numbers that the budget is about.

use aya::programs::Program;
use aya_obj::{
    Object,
    generated::{BPF_ADD, BPF_ALU64, BPF_K, BPF_LDX, BPF_MOV, BPF_ST, BPF_STX, BPF_X, bpf_insn},
};
use netbridge_common::Features;

use super::{DatapathError, LoadOptions, load};

/// Register 10, the frame pointer.
const FRAME_POINTER: u8 = 10;

/// The cost of one program.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ProgramCost {
    /// Its name.
    pub program: String,
    /// Instructions in the object.
    pub instructions: usize,
    /// Instructions that the verifier walked through, over all paths.
    pub verified_instructions: u32,
    /// Octets of stack.
    pub stack: i32,
}

/// Loads every program, with all that it can do, and tells what it costs.
pub fn program_costs() -> Result<Vec<ProgramCost>, DatapathError> {
    let options = LoadOptions {
        features: Features::ALL,
        ..LoadOptions::default()
    };
    let ebpf = load::load(&options, None)?;
    let object = Object::parse(load::OBJECT).map_err(|error| DatapathError::Load {
        program: "object",
        reason: error.to_string(),
    })?;
    let cost = |(name, program): (&str, &Program)| {
        let verified = program.info().ok()?.verified_instruction_count()?;
        let section = object.programs.get(name)?;
        let function = object.functions.get(&section.function_key())?;
        Some(ProgramCost {
            program: name.to_owned(),
            instructions: function.instructions.len(),
            verified_instructions: verified,
            stack: stack_depth(&function.instructions),
        })
    };
    let mut costs: Vec<ProgramCost> = ebpf.programs().filter_map(cost).collect();
    costs.sort_by(|a, b| a.program.cmp(&b.program));
    Ok(costs)
}

/// The lowest address below the frame pointer that any instruction names, as a depth in octets.
fn stack_depth(instructions: &[bpf_insn]) -> i32 {
    let mut deepest = 0;
    for (at, insn) in instructions.iter().enumerate() {
        let class = u32::from(insn.code & 0x07);
        let offset = match class {
            BPF_LDX if insn.src_reg() == FRAME_POINTER => i32::from(insn.off),
            BPF_ST | BPF_STX if insn.dst_reg() == FRAME_POINTER => i32::from(insn.off),
            BPF_ALU64 if is_pointer_to_frame(instructions.get(at.wrapping_sub(1)), insn) => {
                insn.imm
            }
            _ => 0,
        };
        deepest = deepest.min(offset);
    }
    -deepest
}

/// `rX = r10; rX += imm`: how the address of a variable is made.
fn is_pointer_to_frame(before: Option<&bpf_insn>, insn: &bpf_insn) -> bool {
    let mov = BPF_ALU64 | BPF_MOV | BPF_X;
    let add = BPF_ALU64 | BPF_ADD | BPF_K;
    u32::from(insn.code) == add
        && before.is_some_and(|mv| {
            u32::from(mv.code) == mov
                && mv.src_reg() == FRAME_POINTER
                && mv.dst_reg() == insn.dst_reg()
        })
}

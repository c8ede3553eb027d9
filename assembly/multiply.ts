/** The one multiplication that WebAssembly lacks: docs/format.md section 1. */

/** floor(a * b / 2^32): maps a uniform 32-bit word to 0 .. b - 1 without a division. */
export function mulhi(a: u32, b: u32): u32 {
  return <u32>((<u64>a * <u64>b) >> 32);
}

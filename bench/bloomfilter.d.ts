/** The part of npm bloomfilter that is measured; the package brings no types. */
declare module 'bloomfilter' {
  export class BloomFilter {
    /** `bits` are rounded up to a multiple of 32; `hashes` bits are set for a key. */
    constructor(bits: number, hashes: number);
    readonly buckets: Uint32Array;
    add(key: string): void;
    test(key: string): boolean;
  }
}

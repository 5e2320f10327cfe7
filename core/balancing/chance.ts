/** A generator of chance for one thread, the same for the same seed: SplitMix32 (Steele, Lea and Flood, 2014, for 32 bits). */
export class Chance {
  /** Can be kept and put back, to look ahead. */
  state: number;

  constructor(seed: number) {
    this.state = seed | 0;
  }

  /** A number from 0 up to, but not including, 1. */
  unit(): number {
    this.state = (this.state + 0x9e37_79b9) | 0;
    let word = this.state;
    word = Math.imul(word ^ (word >>> 16), 0x21f0_aaad);
    word = Math.imul(word ^ (word >>> 15), 0x735a_2d97);
    return ((word ^ (word >>> 15)) >>> 0) / 2 ** 32;
  }
}

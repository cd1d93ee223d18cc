// numpy's default generator: SeedSequence and PCG64 (O'Neill 2014, XSL-RR 128/64), uniform and normal numbers in float32
// (Marsaglia & Tsang 2000, "The Ziggurat Method"), and shuffles. A seed gives what it gives in Python.

const { fround, imul } = Math;
const MASK64 = (1n << 64n) - 1n;
const MASK128 = (1n << 128n) - 1n;
const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;

// One stream of numbers, as `numpy.random.default_rng(seeds)` of whole numbers from 0 to 2^64 - 1.
export class Stream {
  constructor(seeds) {
    const [a, b, c, d] = seedWords(seeds.flatMap((seed) => wordsOf(BigInt(seed))));
    this.increment = ((((c << 64n) | d) << 1n) | 1n) & MASK128;
    this.state = 0n;
    this.step();
    this.state = (this.state + ((a << 64n) | b)) & MASK128;
    this.step();
    this.kept = null; // the upper half of 64 bits of which the lower one was used
  }

  step() {
    this.state = (this.state * MULTIPLIER + this.increment) & MASK128;
  }

  // A whole number of 32 bits.
  next32() {
    if (this.kept !== null) {
      const upper = this.kept;
      this.kept = null;
      return upper;
    }
    this.step();
    const turn = this.state >> 122n;
    const folded = ((this.state >> 64n) ^ this.state) & MASK64;
    const bits = ((folded >> turn) | (folded << (64n - turn))) & MASK64;
    this.kept = Number(bits >> 32n);
    return Number(bits & 0xffffffffn);
  }

  // Float32 in [0, 1).
  uniform() {
    return (this.next32() >>> 8) / 16777216;
  }

  // Standard normal, float32.
  normal() {
    for (;;) {
      const bits = this.next32();
      const strip = bits & 0xff, size = bits >>> 9;
      const x = fround(size * WIDTH[strip]) * (bits & 0x100 ? -1 : 1);
      if (size < INSIDE[strip]) return x;
      if (strip === 0) return this.tail() * ((size >> 8) & 1 ? -1 : 1);
      const height = fround(fround(fround(HEIGHT[strip - 1] - HEIGHT[strip]) * this.uniform()) + HEIGHT[strip]);
      if (height < Math.exp(-0.5 * x * x)) return x;
    }
  }

  // Beyond the last strip.
  tail() {
    for (;;) {
      const x = fround(-fround(1 / LAST) * fround(Math.log1p(-this.uniform())));
      const y = -fround(Math.log1p(-this.uniform()));
      if (fround(y + y) > fround(x * x)) return fround(fround(LAST) + x);
    }
  }

  // Whole number from 0 to `most`.
  upTo(most) {
    const mask = 0xffffffff >>> Math.clz32(most);
    for (;;) {
      const value = (this.next32() & mask) >>> 0;
      if (value <= most) return value;
    }
  }

  // Put an array into another order, in place.
  shuffle(array) {
    for (let i = array.length - 1; i > 0; i--) {
      const j = this.upTo(i);
      [array[i], array[j]] = [array[j], array[i]];
    }
  }
}

// A whole number's 32-bit words, the lowest first.
function wordsOf(number) {
  const words = [];
  do words.push(Number(number & 0xffffffffn));
  while ((number >>= 32n));
  return words;
}

// SeedSequence: words mixed into a pool of four, and four numbers of 64 bits drawn from it.
function seedWords(words) {
  let constant = 0x43b0d7e5;
  const hashed = (value) => {
    value ^= constant;
    constant = imul(constant, 0x931e8875);
    value = imul(value, constant);
    return value ^ (value >>> 16);
  };
  const mixed = (x, y) => {
    const made = imul(0xca01f9dd, x) - imul(0x4973f715, y);
    return made ^ (made >>> 16);
  };
  const pool = [0, 1, 2, 3].map((at) => hashed(words[at] ?? 0));
  for (let from = 0; from < 4; from++) {
    for (let to = 0; to < 4; to++) if (from !== to) pool[to] = mixed(pool[to], hashed(pool[from]));
  }
  for (const word of words.slice(4)) {
    for (let to = 0; to < 4; to++) pool[to] = mixed(pool[to], hashed(word));
  }
  constant = 0x8b51f9dd;
  const drawn = Array.from({ length: 8 }, (_, at) => {
    let value = pool[at % 4] ^ constant;
    constant = imul(constant, 0x58f38ded);
    value = imul(value, constant);
    return BigInt((value ^ (value >>> 16)) >>> 0);
  });
  return [0, 2, 4, 6].map((at) => drawn[at] | (drawn[at + 1] << 32n));
}

// The ziggurat's 256 strips of equal area; the last one begins at LAST.
const LAST = 3.6541528853610088, AREA = 0.00492867323399, SIZES = 8388608; // 2^23
const WIDTH = new Float32Array(256), HEIGHT = new Float32Array(256), INSIDE = new Uint32Array(256);
{
  const density = (x) => Math.exp(-0.5 * x * x);
  const base = AREA / density(LAST);
  let x = LAST;
  INSIDE[0] = Math.round((LAST / base) * SIZES);
  WIDTH[0] = base / SIZES;
  HEIGHT[0] = 1;
  WIDTH[255] = LAST / SIZES;
  HEIGHT[255] = density(LAST);
  for (let strip = 254; strip > 0; strip--) {
    const wider = x;
    x = Math.sqrt(-2 * Math.log(AREA / wider + density(wider)));
    INSIDE[strip + 1] = Math.round((x / wider) * SIZES);
    WIDTH[strip] = x / SIZES;
    HEIGHT[strip] = density(x);
  }
  INSIDE[1] = 0;
}

// The first 8 bytes of a text's BLAKE2b (RFC 7693), as a whole number, the lowest byte first: the number of a series'
// noise. `noise_streams` of sssd_registry makes the same of its id.

const MASK = (1n << 64n) - 1n;
const START = [
  0x6a09e667f3bcc908n, 0xbb67ae8584caa73bn, 0x3c6ef372fe94f82bn, 0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n, 0x9b05688c2b3e6c1fn, 0x1f83d9abfb41bd6bn, 0x5be0cd19137e2179n,
];
// Places of a block's words in each round, the first two of twelve once more.
const ROUNDS = [
  "0123456789abcdef", "ea489fd61c02b753", "b8c052fdae367194", "7931dcbe265a40f8", "905724afe1bc683d",
  "2c6a0b834d75fe19", "c51fed4a0763928b", "db7ec13950f4862a", "6fe9b308c2d714a5", "a2847615fb9e3cd0",
  "0123456789abcdef", "ea489fd61c02b753",
].map((places) => [...places].map((digit) => parseInt(digit, 16)));
// Words of the state that are stirred together: its columns, then its diagonals.
const STIRRED = [
  [0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15], [0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14],
];

export function textNumber(text) {
  const bytes = new TextEncoder().encode(text);
  const blocks = Math.max(1, Math.ceil(bytes.length / 128));
  const padded = new DataView(new ArrayBuffer(128 * blocks));
  bytes.forEach((byte, at) => padded.setUint8(at, byte));
  const state = [...START];
  state[0] ^= 0x01010008n; // 8 bytes, no key
  for (let block = 0; block < blocks; block++) {
    const last = block === blocks - 1;
    const words = Array.from({ length: 16 }, (_, at) => padded.getBigUint64(128 * block + 8 * at, true));
    compress(state, words, BigInt(last ? bytes.length : 128 * (block + 1)), last);
  }
  return state[0];
}

function compress(state, words, count, last) {
  const v = [...state, ...START];
  v[12] ^= count;
  if (last) v[14] ^= MASK;
  for (const places of ROUNDS) {
    STIRRED.forEach(([a, b, c, d], at) => {
      v[a] = (v[a] + v[b] + words[places[2 * at]]) & MASK;
      v[d] = turned(v[d] ^ v[a], 32n);
      v[c] = (v[c] + v[d]) & MASK;
      v[b] = turned(v[b] ^ v[c], 24n);
      v[a] = (v[a] + v[b] + words[places[2 * at + 1]]) & MASK;
      v[d] = turned(v[d] ^ v[a], 16n);
      v[c] = (v[c] + v[d]) & MASK;
      v[b] = turned(v[b] ^ v[c], 63n);
    });
  }
  state.forEach((_, at) => (state[at] ^= v[at] ^ v[at + 8]));
}

const turned = (word, by) => ((word >> by) | (word << (64n - by))) & MASK;

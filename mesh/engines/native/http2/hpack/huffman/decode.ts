import { HpackError } from '../hpack-error.ts';
import { latin1 } from '../latin1.ts';
import { codeBits, codes, endOfString } from './codes.ts';

/** The number of states; a state is a position within a code. */
const states = 256;

/** The maximum padding. The state after this many ones is that number itself. */
const maxPaddingBits = 7;

/** The next state of each bit, at `2 * state + bit`; or the complement of the symbol whose code ends there. */
const tree: Int16Array = plantTree();

// The effect of a byte on a state, at `state << 8 | byte`: the next state in the lowest byte, then the first and the second
// symbol that end with it, then their number. Codes have at least five bits, so at most two end in a byte.
const oneSymbol = 1 << 24;
const fault = -1;
const steps: Int32Array = findSteps();

const shortestCodeBits = 5;
const scratch: Buffer = Buffer.allocUnsafeSlow(4096);

/** Decodes the Huffman code from `start` to `end` (RFC 7541 section 5.2). Throws an HpackError for an invalid one. */
export function decodeHuffman(bytes: Buffer, start: number, end: number): string {
  const maxLength = Math.floor(((end - start) * 8) / shortestCodeBits);
  const text = maxLength <= scratch.length ? scratch : Buffer.allocUnsafe(maxLength);
  return latin1(text, 0, decodeInto(text, bytes, start, end));
}

/** Returns the number of bytes written. */
function decodeInto(target: Buffer, bytes: Buffer, start: number, end: number): number {
  let at = 0;
  let state = 0;
  for (let index = start; index < end; index++) {
    const step = steps[(state << 8) | (bytes[index] as number)] as number;
    if (step === fault) throw new HpackError('a Huffman-coded string contains the end-of-string code');
    if (step >= oneSymbol) {
      target[at++] = step >>> 8;
      if (step >= 2 * oneSymbol) target[at++] = step >>> 16;
    }
    state = step & 0xff;
  }
  if (state > maxPaddingBits) {
    throw new HpackError('a Huffman-coded string has invalid padding');
  }
  return at;
}

function findSteps(): Int32Array {
  const found = new Int32Array(states << 8);
  for (let state = 0; state < states; state++) walk(found, state << 8, 1 << 8, state, 0);
  return found;
}

/** Fills in `count` steps, of all bytes that begin with the bits that led to this state. */
function walk(found: Int32Array, from: number, count: number, state: number, symbols: number): void {
  if (count === 1) {
    found[from] = symbols | state;
    return;
  }
  const half = count / 2;
  for (let bit = 0; bit < 2; bit++) {
    const next = tree[2 * state + bit] as number;
    const begin = from + bit * half;
    if (next >= 0) walk(found, begin, half, next, symbols);
    else if (~next === endOfString) found.fill(fault, begin, begin + half);
    else walk(found, begin, half, 0, withSymbol(symbols, ~next));
  }
}

function withSymbol(symbols: number, symbol: number): number {
  return symbols === 0 ? oneSymbol | (symbol << 8) : (symbols + oneSymbol) | (symbol << 16);
}

function plantTree(): Int16Array {
  const planted = new Int16Array(2 * states);
  let grown = 1;
  const plant = (symbol: number): void => {
    const code = codes[symbol] as number;
    let state = 0;
    for (let bit = (codeBits[symbol] as number) - 1; bit > 0; bit--) {
      const branch = 2 * state + ((code >>> bit) & 1);
      if (planted[branch] === 0) planted[branch] = grown++;
      state = planted[branch] as number;
    }
    planted[2 * state + (code & 1)] = ~symbol;
  };
  // First the code of all ones, so its states are numbered like its bits.
  plant(endOfString);
  for (let symbol = 0; symbol < endOfString; symbol++) plant(symbol);
  return planted;
}

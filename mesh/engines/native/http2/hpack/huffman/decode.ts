import { HpackError } from '../hpack-error.ts';
import { latin1 } from '../latin1.ts';
import { codeBits, codes, endOfString } from './codes.ts';

/** How many places between two codes' beginnings there are: a state is how far into a code a decoder is. */
const states = 256;

/** The longest padding: the state after so many ones, which are no code's end, is that number itself. */
const maxPaddingBits = 7;

/** Where each bit leads: at `2 * state + bit` the next state, or the symbol whose code ends there, complemented. */
const tree: Int16Array = plantTree();

// What a byte does to a state, at `state << 8 | byte`: the next state in the lowest byte, then the first and the second
// symbol that end with it, then how many do. No code has less than five bits, so there are no more than two.
const oneSymbol = 1 << 24;
const fault = -1;
const steps: Int32Array = findSteps();

const shortestCodeBits = 5;
const scratch: Buffer = Buffer.allocUnsafeSlow(4096);

/** The text of the Huffman code from `start` to `end` (RFC 7541 section 5.2). Throws an HpackError for what is none. */
export function decodeHuffman(bytes: Buffer, start: number, end: number): string {
  const most = Math.floor(((end - start) * 8) / shortestCodeBits);
  const text = most <= scratch.length ? scratch : Buffer.allocUnsafe(most);
  return latin1(text, 0, decodeInto(text, bytes, start, end));
}

/** How many bytes it has written. */
function decodeInto(target: Buffer, bytes: Buffer, start: number, end: number): number {
  let at = 0;
  let state = 0;
  for (let index = start; index < end; index++) {
    const step = steps[(state << 8) | (bytes[index] as number)] as number;
    if (step === fault) throw new HpackError('a Huffman-coded string has the code that ends strings in it');
    if (step >= oneSymbol) {
      target[at++] = step >>> 8;
      if (step >= 2 * oneSymbol) target[at++] = step >>> 16;
    }
    state = step & 0xff;
  }
  if (state > maxPaddingBits) {
    throw new HpackError('a Huffman-coded string ends within a code: nothing but up to 7 ones may fill its last byte');
  }
  return at;
}

function findSteps(): Int32Array {
  const found = new Int32Array(states << 8);
  for (let state = 0; state < states; state++) walk(found, state << 8, 1 << 8, state, 0);
  return found;
}

/** Fills in `count` steps: those of all bytes that begin with the bits which led to this state. */
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
  // First the one that is all ones, so that the states on its way are counted like its bits.
  plant(endOfString);
  for (let symbol = 0; symbol < endOfString; symbol++) plant(symbol);
  return planted;
}

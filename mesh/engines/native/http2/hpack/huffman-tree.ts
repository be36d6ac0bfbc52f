import { codeBits, codes, endOfString } from './huffman-code.ts';

/** How many places between two codes' beginnings there are: a state is how far into a code a decoder is. */
export const states = 256;

/** The longest padding: the state after so many ones, which are no code's end, is that number itself. */
export const maxPaddingBits = 7;

/** Where each bit leads: at `2 * state + bit` the next state, or the symbol whose code ends there, complemented. */
export const tree: Int16Array = plantTree();

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

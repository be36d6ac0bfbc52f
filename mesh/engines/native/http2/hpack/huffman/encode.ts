import { codeBits, codes } from './codes.ts';

const maxCharacter = 0xff;

/** The length of a text in Huffman code; NaN if it has a character above U+00FF, which has no code. */
export function huffmanBytes(text: string): number {
  let bits = 0;
  let characters = 0;
  for (let index = 0; index < text.length; index++) {
    const character = text.charCodeAt(index);
    characters |= character;
    bits += codeBits[character & maxCharacter] as number;
  }
  return characters > maxCharacter ? Number.NaN : (bits + 7) >>> 3;
}

/** Writes a text in Huffman code, with ones as padding, and returns where it ends. */
export function writeHuffman(text: string, target: Buffer, start: number): number {
  let at = start;
  let waiting = 0;
  let waitingBits = 0;
  for (let index = 0; index < text.length; index++) {
    const character = text.charCodeAt(index);
    let code = codes[character] as number;
    let bits = codeBits[character] as number;
    if (bits > 24) {
      // With up to 7 waiting bits they would not fit into an integer.
      waiting = (waiting << 8) | (code >>> (bits - 8));
      target[at++] = waiting >>> waitingBits;
      bits -= 8;
      code &= (1 << bits) - 1;
    }
    waiting = (waiting << bits) | code;
    waitingBits += bits;
    while (waitingBits >= 8) {
      waitingBits -= 8;
      target[at++] = waiting >>> waitingBits;
    }
  }
  if (waitingBits > 0) target[at++] = (waiting << (8 - waitingBits)) | (0xff >>> waitingBits);
  return at;
}

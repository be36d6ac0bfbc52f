import { codeBits, codes } from './codes.ts';

const maxCharacter = 0xff;

/** How many bytes a text has in Huffman code; NaN when it has a character above U+00FF, which no code is for. */
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

/** Writes a text in Huffman code, the last byte filled up with ones, and says where it ends. */
export function writeHuffman(text: string, target: Buffer, start: number): number {
  let at = start;
  let waiting = 0;
  let waitingBits = 0;
  for (let index = 0; index < text.length; index++) {
    const character = text.charCodeAt(index);
    let code = codes[character] as number;
    let bits = codeBits[character] as number;
    if (bits > 24) {
      // With up to 7 that wait they are more than an integer has room for.
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

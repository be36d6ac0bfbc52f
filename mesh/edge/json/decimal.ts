const decimalPattern = /^(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/;

/** As many digits as the greatest 64-bit integer has. */
const maxDigits = 20;

/** Whether a text is a number in the syntax of JSON. */
export function isDecimal(text: string): boolean {
  return decimalPattern.test(text);
}

/**
 * Returns the exact integer that a decimal number stands for: `1.5e1` is 15. `undefined` if the text is not a number in the
 * syntax of JSON, has a fraction, or has more digits than 64 bits hold.
 */
export function exactInteger(text: string): bigint | undefined {
  const match = decimalPattern.exec(text);
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const digits = whole + fraction;
  const start = firstOther(digits, 0, 1);
  if (start === digits.length) return 0n;
  const end = firstOther(digits, digits.length - 1, -1) + 1;
  // The value is the significant digits with this many zeros after them, or digits after the point.
  const zeros = Number(exponent) - fraction.length + (digits.length - end);
  if (zeros < 0 || end - start + zeros > maxDigits) return undefined;
  return BigInt(sign + digits.slice(start, end) + '0'.repeat(zeros));
}

/** Returns the index of the first character that is not a zero, from `index` on. */
function firstOther(digits: string, index: number, step: 1 | -1): number {
  let at = index;
  while (digits.charCodeAt(at) === 0x30) at += step;
  return at;
}

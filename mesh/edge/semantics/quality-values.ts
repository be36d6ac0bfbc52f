/** An element of a header such as `Accept`: `text/html;level=1;q=0.5`. */
export interface QualityValue {
  /** In lower case, without parameters: `text/html`. */
  readonly value: string;
  /** From 0, not acceptable, to 1. */
  readonly quality: number;
}

const qualityPattern = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/**
 * Reads a list of RFC 9110 with quality values. Parameters other than `q` are ignored; an element whose `q` is not valid counts as
 * not acceptable.
 */
export function readQualityValues(header: string): QualityValue[] {
  return header.split(',').flatMap((element) => {
    const [value = '', ...parameters] = element.split(';').map((part) => part.trim().toLowerCase());
    if (value === '') return [];
    const weight = parameters.find((parameter) => /^q\s*=/.test(parameter));
    const text = weight?.slice(weight.indexOf('=') + 1).trim() ?? '1';
    return [{ value, quality: qualityPattern.test(text) ? Number(text) : 0 }];
  });
}

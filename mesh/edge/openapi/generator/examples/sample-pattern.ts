/** The characters that examples are made of, the first that fits is taken. */
const alphabet = [
  ...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@ !"#$%&\'()*+,;<=>?[\\]^`{|}~',
];

/**
 * Returns a short text that a regular expression matches, as far as it consists of characters, classes, groups,
 * alternatives, quantifiers and anchors: the first alternative, with as few repetitions as allowed.
 */
export function samplePattern(source: string): string | undefined {
  const reader = { source, at: 0 };
  const text = readAlternatives(reader);
  return reader.at === source.length && text !== undefined && new RegExp(source, 'u').test(text) ? text : undefined;
}

interface Reader {
  readonly source: string;
  at: number;
}

function readAlternatives(reader: Reader): string | undefined {
  const first = readSequence(reader);
  while (reader.source[reader.at] === '|') {
    reader.at += 1;
    readSequence(reader);
  }
  return first;
}

function readSequence(reader: Reader): string | undefined {
  let text: string | undefined = '';
  while (reader.at < reader.source.length && !'|)'.includes(reader.source[reader.at] ?? '')) {
    const atom = readAtom(reader);
    const times = readTimes(reader);
    text = text === undefined || atom === undefined ? undefined : text + atom.repeat(times);
  }
  return text;
}

function readAtom(reader: Reader): string | undefined {
  if (take(reader, /[\^$]|\\[bB]/y) !== undefined) return '';
  if (take(reader, /\((?:\?:|\?P?<\w+>)?/y) !== undefined) {
    const text = readAlternatives(reader);
    take(reader, /\)/y);
    return text;
  }
  const set = take(reader, /\[(?:\\.|[^\]\\])*\]|\\[pP]\{[^}]*\}|\\x[0-9a-fA-F]{2}|\\.|[^\\]/suy);
  if (set === undefined) {
    reader.at = reader.source.length + 1;
    return undefined;
  }
  if (!/^[[\\.]/.test(set)) return set;
  const one = new RegExp(`^${set}$`, 'u');
  return alphabet.find((character) => one.test(character));
}

/** Reads a quantifier and returns how often at least; 1 without one. */
function readTimes(reader: Reader): number {
  const quantifier = take(reader, /(?:[*?+]|\{\d+(?:,\d*)?\})\??/y);
  if (quantifier === undefined || quantifier.startsWith('+')) return 1;
  return Number(/^\{(\d+)/.exec(quantifier)?.[1] ?? 0);
}

function take(reader: Reader, token: RegExp): string | undefined {
  token.lastIndex = reader.at;
  const found = token.exec(reader.source)?.[0];
  reader.at += found?.length ?? 0;
  return found;
}

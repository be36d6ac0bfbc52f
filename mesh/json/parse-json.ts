import { type JsonNode, JsonNumber, JsonObject } from './json-node.ts';

/** How deep arrays and objects may nest. */
export const maxJsonDepth = 100;

/** Says why a text is not JSON, and where. Completes "the body …". */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';
}

/**
 * Parses JSON (RFC 8259) in one pass. Throws {@link JsonSyntaxError} for anything else, and also for a byte order mark,
 * lone surrogates, which UTF-8 cannot encode, and nesting deeper than {@link maxJsonDepth}.
 */
export function parseJson(text: string): JsonNode {
  if (text.charCodeAt(0) === 0xfeff) throw new JsonSyntaxError('starts with a byte order mark: remove it');
  if (!text.isWellFormed()) throw new JsonSyntaxError('has a lone surrogate, which UTF-8 cannot encode');
  return new JsonParser(text).parse();
}

const quote = 0x22;
const backslash = 0x5c;

const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

const numberPattern = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const simpleInteger = /^-?[0-9]{1,15}$/;
const hexPattern = /^[0-9a-fA-F]{4}$/;

class JsonParser {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): JsonNode {
    const value = this.#readValue();
    if (this.#next() !== -1) throw this.#unexpected();
    return value;
  }

  #readValue(): JsonNode {
    switch (this.#next()) {
      case 0x7b:
        return this.#readObject();
      case 0x5b:
        return this.#readArray();
      case quote:
        return this.#readString();
      case 0x74:
        return this.#readWord('true', true);
      case 0x66:
        return this.#readWord('false', false);
      case 0x6e:
        return this.#readWord('null', null);
      default:
        return this.#readNumber();
    }
  }

  #readObject(): JsonObject {
    const object = new JsonObject();
    this.#enter();
    if (this.#next() !== 0x7d) {
      while (true) {
        if (this.#next() !== quote) throw this.#unexpected();
        const key = this.#readString();
        if (this.#next() !== 0x3a) throw this.#unexpected();
        this.#at += 1;
        object.keys.push(key);
        object.values.push(this.#readValue());
        if (this.#next() !== 0x2c) break;
        this.#at += 1;
      }
    }
    this.#leave(0x7d);
    return object;
  }

  #readArray(): JsonNode[] {
    const items: JsonNode[] = [];
    this.#enter();
    if (this.#next() !== 0x5d) {
      while (true) {
        items.push(this.#readValue());
        if (this.#next() !== 0x2c) break;
        this.#at += 1;
      }
    }
    this.#leave(0x5d);
    return items;
  }

  #enter(): void {
    this.#depth += 1;
    if (this.#depth > maxJsonDepth) throw new JsonSyntaxError(`is nested deeper than ${maxJsonDepth} levels`);
    this.#at += 1;
  }

  #leave(end: number): void {
    if (this.#next() !== end) throw this.#unexpected();
    this.#at += 1;
    this.#depth -= 1;
  }

  #readString(): string {
    const start = this.#at + 1;
    let at = start;
    while (true) {
      const unit = this.#text.charCodeAt(at);
      if (unit === quote) break;
      if (unit === backslash) return this.#readEscaped(start, at);
      // Also NaN, after the end.
      if (!(unit >= 0x20)) throw this.#unexpected(at);
      at += 1;
    }
    this.#at = at + 1;
    return this.#text.slice(start, at);
  }

  /** Reads the rest of a string whose first escape is at `at`. */
  #readEscaped(start: number, first: number): string {
    let value = '';
    let from = start;
    let at = first;
    while (true) {
      const unit = this.#text.charCodeAt(at);
      if (unit === quote) break;
      if (!(unit >= 0x20)) throw this.#unexpected(at);
      if (unit !== backslash) {
        at += 1;
        continue;
      }
      value += this.#text.slice(from, at) + this.#readEscape(at);
      at += this.#text.charAt(at + 1) === 'u' ? 6 : 2;
      from = at;
    }
    this.#at = at + 1;
    const text = value + this.#text.slice(from, at);
    if (!text.isWellFormed()) throw new JsonSyntaxError(`has a lone surrogate in the string ${this.#place(start - 1)}`);
    return text;
  }

  #readEscape(at: number): string {
    const letter = this.#text.charAt(at + 1);
    if (letter === 'u') {
      const hex = this.#text.slice(at + 2, at + 6);
      if (!hexPattern.test(hex)) throw new JsonSyntaxError(`has an invalid escape ${this.#place(at)}`);
      return String.fromCharCode(Number.parseInt(hex, 16));
    }
    const value = Object.hasOwn(escapes, letter) ? escapes[letter] : undefined;
    if (value === undefined) throw new JsonSyntaxError(`has an invalid escape ${this.#place(at)}`);
    return value;
  }

  #readWord<Value>(word: string, value: Value): Value {
    if (!this.#text.startsWith(word, this.#at)) throw this.#unexpected();
    this.#at += word.length;
    return value;
  }

  #readNumber(): number | JsonNumber {
    numberPattern.lastIndex = this.#at;
    const [text] = numberPattern.exec(this.#text) ?? [];
    if (text === undefined) throw this.#unexpected();
    this.#at += text.length;
    return simpleInteger.test(text) ? Number(text) : new JsonNumber(text);
  }

  /** Skips whitespace. Returns the next character, or -1 at the end. */
  #next(): number {
    while (this.#at < this.#text.length) {
      const unit = this.#text.charCodeAt(this.#at);
      if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return unit;
      this.#at += 1;
    }
    return -1;
  }

  #unexpected(at = this.#at): JsonSyntaxError {
    if (at >= this.#text.length) return new JsonSyntaxError('is not valid JSON: it ends too early');
    const character = String.fromCodePoint(this.#text.codePointAt(at) ?? 0);
    return new JsonSyntaxError(`is not valid JSON: unexpected ${JSON.stringify(character)} ${this.#place(at)}`);
  }

  #place(at: number): string {
    const before = this.#text.slice(0, at);
    const line = before.split('\n').length;
    return `at line ${line}, column ${at - before.lastIndexOf('\n')}`;
  }
}

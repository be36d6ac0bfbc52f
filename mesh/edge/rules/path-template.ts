/** One segment of a template: a text to match as it is, `*` for one segment, or `**` for any number of them. */
export type TemplateSegment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'single' }
  | { readonly kind: 'rest' };

/** A variable of a template and the segments that it takes. */
export interface TemplateVariable {
  /** The field that it binds, in the names of the contract: `user.id`. */
  readonly fieldPath: string;
  /** Index of its first segment. */
  readonly start: number;
  /** Index after its last segment. */
  readonly end: number;
  /** Whether it is written with a pattern of several segments, or with `**`: then `%2F` in a path stays as it is. */
  readonly isMultiSegment: boolean;
}

/** A parsed path template of `google.api.http`. */
export interface PathTemplate {
  readonly source: string;
  readonly segments: readonly TemplateSegment[];
  readonly variables: readonly TemplateVariable[];
  /** The text after the colon: `cancel` of `/orders/{id}:cancel`. `undefined`: none. */
  readonly verb: string | undefined;
}

/** Reports what is wrong with a template. */
export class PathTemplateError extends Error {
  override readonly name = 'PathTemplateError';
}

const fieldPathPattern = /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$/;

/** What RFC 3986 allows in a segment without escapes, except the characters with a meaning in templates. */
const literalPattern = /^[A-Za-z0-9\-._~!$&'()+,;@]+$/;

/**
 * Parses a path template in the syntax of `google.api.http`:
 *
 *     Template = "/" Segments [ ":" LITERAL ]
 *     Segments = Segment { "/" Segment }
 *     Segment  = "*" | "**" | LITERAL | "{" FieldPath [ "=" Segments ] "}"
 *
 * Throws {@link PathTemplateError} for any other text, and for a `**` that is not the last segment, a variable in a
 * variable, and a field that is bound twice.
 */
export function parsePathTemplate(source: string): PathTemplate {
  const reader = new TemplateReader(source);
  return reader.read();
}

class TemplateReader {
  readonly #source: string;
  #at = 0;
  readonly #segments: TemplateSegment[] = [];
  readonly #variables: TemplateVariable[] = [];

  constructor(source: string) {
    this.#source = source;
  }

  read(): PathTemplate {
    if (!this.#take('/')) throw this.#fault('it has to start with a slash');
    this.#readSegments('/:', false);
    const verb = this.#take(':') ? this.#readVerb() : undefined;
    if (this.#at < this.#source.length) throw this.#unexpected();
    const rest = this.#segments.findIndex(({ kind }) => kind === 'rest');
    if (rest >= 0 && rest < this.#segments.length - 1) throw this.#fault('** has to be its last segment');
    return { source: this.#source, segments: this.#segments, variables: this.#variables, verb };
  }

  #readSegments(ends: string, isInVariable: boolean): void {
    do {
      if (this.#peek() === '{') {
        if (isInVariable) throw this.#fault('a variable cannot contain another');
        this.#readVariable();
      } else {
        this.#readSegment(ends);
      }
    } while (this.#take('/'));
  }

  #readSegment(ends: string): void {
    const text = this.#readUntil(`${ends}{}`);
    if (text === '*') this.#segments.push({ kind: 'single' });
    else if (text === '**') this.#segments.push({ kind: 'rest' });
    else this.#segments.push({ kind: 'literal', text: this.#checkLiteral(text) });
  }

  #readVariable(): void {
    this.#take('{');
    const fieldPath = this.#readUntil('=}');
    if (!fieldPathPattern.test(fieldPath)) throw this.#fault(`"${fieldPath}" is not the name of a field`);
    const isBound = this.#variables.some((variable) => variable.fieldPath === fieldPath);
    if (isBound) throw this.#fault(`it binds the field ${fieldPath} twice`);
    const start = this.#segments.length;
    if (this.#take('=')) this.#readSegments('/}', true);
    else this.#segments.push({ kind: 'single' });
    if (!this.#take('}')) throw this.#fault(`the variable ${fieldPath} has no closing brace`);
    const end = this.#segments.length;
    const isMultiSegment = end - start > 1 || this.#segments[start]?.kind === 'rest';
    this.#variables.push({ fieldPath, start, end, isMultiSegment });
  }

  #readVerb(): string {
    const verb = this.#source.slice(this.#at);
    this.#at = this.#source.length;
    return this.#checkLiteral(verb);
  }

  #checkLiteral(text: string): string {
    if (text === '') throw this.#fault('it has an empty segment or verb');
    if (text === '.' || text === '..') throw this.#fault(`no path has a segment ${text}`);
    if (!literalPattern.test(text)) throw this.#fault(`"${text}" has a character that is not allowed there`);
    return text;
  }

  #readUntil(ends: string): string {
    const start = this.#at;
    while (this.#at < this.#source.length && !ends.includes(this.#source.charAt(this.#at))) this.#at += 1;
    return this.#source.slice(start, this.#at);
  }

  #peek(): string {
    return this.#source.charAt(this.#at);
  }

  #take(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at += 1;
    return true;
  }

  #unexpected(): PathTemplateError {
    return this.#fault(`"${this.#source.slice(this.#at)}" is not expected at its end`);
  }

  #fault(problem: string): PathTemplateError {
    return new PathTemplateError(`path template "${this.#source}" is invalid: ${problem}`);
  }
}

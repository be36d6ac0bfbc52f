import type {
  DescEnum,
  DescEnumValue,
  DescField,
  DescMessage,
  DescMethod,
  DescOneof,
  DescService,
} from '@bufbuild/protobuf';
import { getComments } from '@bufbuild/protoplugin';

/** An error that the comment of a method names. */
export interface NamedError {
  /** The name of the status code: `NOT_FOUND`. */
  readonly code: string;
  readonly reasons: readonly string[];
  /** When it is returned, beginning with the reasons: `` `USER_NOT_FOUND`: the user does not exist. `` */
  readonly text: string;
}

/** What the comment of a method says. */
export interface MethodComment {
  /** The first sentence, without its full stop. */
  readonly summary: string;
  /** The whole text, without the list of errors. */
  readonly description: string;
  readonly errors: readonly NamedError[];
}

const named = /\b([A-Z]+(?:_[A-Z]+)*) (`[A-Z][A-Z0-9_]+`(?:(?:, | or )`[A-Z][A-Z0-9_]+`)*)/g;

/** Returns the comment before a declaration as Markdown: one line for each paragraph and each item of a list. */
export function commentOf(
  declaration: DescEnum | DescEnumValue | DescField | DescMessage | DescMethod | DescOneof | DescService,
): string {
  const lines = (getComments(declaration).leading ?? '').split('\n').map((line) => line.trim());
  const joined = lines.reduce((text, line) => {
    if (line === '') return `${text}\n\n`;
    if (line.startsWith('- ')) return `${text.trimEnd()}\n${line}`;
    return text === '' || text.endsWith('\n') ? text + line : `${text} ${line}`;
  }, '');
  return joined.trim();
}

/** Returns a text of several parts as paragraphs, without the empty ones. */
export function paragraphs(...parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== '').join('\n\n');
}

/** Reads the comment of a method, whose errors have the form `` CODE `REASON` ``, in a list or in the text. */
export function methodComment(method: DescMethod): MethodComment {
  const [prose = '', list = ''] = commentOf(method).split(/(?:^|\n)Errors:\n/);
  const items = list.split('\n').filter((line) => line.startsWith('- '));
  const sentences = prose.split(/(?<=\.)\s+(?=[A-Z])/);
  return {
    summary: (sentences[0] ?? '').replaceAll('\n', ' ').replace(/\.$/, ''),
    description: prose.trim(),
    errors: [...sentences, ...items.map((item) => item.slice(2))].flatMap(namedErrors),
  };
}

function namedErrors(text: string): NamedError[] {
  return [...text.matchAll(named)].map(({ 1: code = '', 2: quoted = '', index }) => ({
    code,
    reasons: [...quoted.matchAll(/`([^`]+)`/g)].map(([, reason = '']) => reason),
    text: text.slice(index + code.length + 1),
  }));
}

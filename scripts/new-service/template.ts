import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServiceNames } from './names.ts';

/** A file to write, by its path in the project. */
export interface NewFile {
  readonly path: string;
  readonly text: string;
}

/** A service `library` that stores a `book`: files that work as they are, in a project that has their contract. */
const folder = fileURLToPath(new URL('./template/', import.meta.url));

/** The files of a new service. */
export async function filesOf(names: ServiceNames): Promise<NewFile[]> {
  const files: NewFile[] = [];
  for await (const entry of glob('**/*.*', { cwd: folder })) {
    const text = await readFile(join(folder, entry), 'utf8');
    files.push({ path: renamed(entry, names), text: renamed(text, names) });
  }
  return files.toSorted((one, other) => (one.path < other.path ? -1 : 1));
}

/** Every word that the code of the template has for something else, in lower case: a resource with its name would hide it. */
export async function usedWords(): Promise<ReadonlySet<string>> {
  const words = new Set<string>();
  for await (const entry of glob('**/*.ts', { cwd: folder })) {
    const source = await readFile(join(folder, entry), 'utf8');
    const code = source.replaceAll(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|'[^'\n]*'|`[^`]*`/g, ' ');
    for (const [word] of code.matchAll(/(?<![.\w])[A-Za-z]+\b/g)) words.add(word.toLowerCase());
  }
  return words.difference(new Set(['library', 'book', 'books']));
}

/** The text with the names of the service and its resource, and the article that they take, for those of the template. */
export function renamed(text: string, { service, resource, resources }: ServiceNames): string {
  const words: Readonly<Record<string, string>> = { library: service, book: resource, books: resources };
  return text.replaceAll(/\b([Aa] )?(library|books?)|(Library|Books?)|(LIBRARY|BOOKS?)/g, (found, article = '') => {
    const old = found.slice(article.length);
    const name = words[old.toLowerCase()] ?? old;
    return `${article === '' ? '' : articleOf(article, name)}${withCaseOf(old, name)}`;
  });
}

function withCaseOf(old: string, name: string): string {
  if (old === old.toUpperCase()) return name.toUpperCase();
  return old === old.toLowerCase() ? name : `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}

function articleOf(article: string, name: string): string {
  const beginsWithVowel = /^[aeiou]/.test(name) && !/^(eu|one|u[ns][aeiou])/.test(name);
  return beginsWithVowel ? article.replace(' ', 'n ') : article;
}

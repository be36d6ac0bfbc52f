import type { ProjectCopy } from './project-copy.ts';

/** A code block of CONTRIBUTING that says in a comment above it where it belongs. */
export interface Recipe {
  readonly does: 'file' | 'append' | 'edit' | 'from' | 'made';
  readonly file: string;
  /** For `edit`: where the block goes, relative to the first line that contains `line`. */
  readonly place?: string;
  readonly line?: string;
  readonly code: string;
}

const block =
  /<!-- (file|append|edit|from|made): ([^|\n]+?)(?: \| (after|before|replace) \|( ?[^\n]+?))? -->\n\n```\w+\n([\s\S]*?)```\n/g;

/** Reads the blocks of a page in their order. */
export function recipesOf(page: string): Recipe[] {
  return [...page.matchAll(block)].map(([, does, file = '', place, line, code = '']) => ({
    does: does as Recipe['does'],
    file,
    ...(place !== undefined && line !== undefined && { place, line: line.slice(1) }),
    code,
  }));
}

/** Does in a copy of the project what a recipe says. Throws when there is no place for it. */
export async function follow(recipe: Recipe, project: ProjectCopy): Promise<void> {
  const { does, file, code } = recipe;
  if (does === 'file') await project.write(file, code);
  if (does === 'append') await project.edit(file, (text) => text + code);
  if (does === 'edit') await project.edit(file, (text) => edited(text, recipe));
}

function edited(text: string, { file, place, line = '', code }: Recipe): string {
  const found = text.split('\n').find((each) => each.includes(line));
  if (found === undefined) throw new Error(`${file} has no line with ${line}`);
  const before = place === 'after' ? `${found}\n` : '';
  const after = place === 'before' ? `${found}\n` : '';
  return text.replace(`${found}\n`, () => `${before}${code}${after}`);
}

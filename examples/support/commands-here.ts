import { existsSync } from 'node:fs';

/** Whether this runs in the repository, whose Makefile has the commands. An image and a package have none. */
export const inRepository: boolean = existsSync(new URL('../../Makefile', import.meta.url));

/** A command of the program `ordermesh` as the repository calls it: `"make replay GROUP=readers"`. */
const command =
  /(?<![\\\w])"make (?<name>status|order|dead-letters|replay|rebuild|audit|actions|call|verify-participant)(?: [A-Z]+=(?<value>[^"\s]+))?"/g;

/**
 * Texts of the mesh and of its programs name commands of the repository. Returns the text with commands that work here: outside
 * of the repository `"ordermesh replay readers"`.
 */
export function withCommandsHere(text: string, isRepository = inRepository): string {
  if (isRepository) return text;
  return text.replace(
    command,
    (_, name: string, value?: string) => `"${['ordermesh', name, value].filter(Boolean).join(' ')}"`,
  );
}

import { existsSync } from 'node:fs';

/** Whether this runs in the repository, whose Makefile has the commands. An image and the packages have none. */
export const inRepository: boolean = existsSync(new URL('../../Makefile', import.meta.url));

const names = 'status|order|dead-letters|replay|rebuild|audit|actions|call|damaged|compact|verify-participant';

/**
 * A command of the program `ordermesh` as the repository calls it: `"make replay GROUP=readers"`, or `make damaged ARGS='skip …'`,
 * which ends a text.
 */
const command = new RegExp(
  `"make (?<quoted>${names})(?: [A-Z]+=(?<value>[^"\\s]+))?"|(?<![\\w"])make (?<plain>${names}) ARGS='(?<args>[^']*)'`,
  'g',
);

/** A command that the Makefile does not have: `"npx ordermesh list"`. */
const npxCommand = /"npx (?=ordermesh )/g;

/**
 * Texts of the mesh and of its programs name commands of the repository. Returns the text with commands that work here: outside
 * of the repository `"ordermesh replay readers"`. A mesh that runs in the repository may send its texts to a program outside, so
 * that one applies it again. Only for texts that we write: in JSON and in data of callers the same words mean what their author
 * means.
 */
export function withCommandsHere(text: string, isRepository = inRepository): string {
  if (isRepository) return text;
  return text
    .replace(npxCommand, '"')
    .replace(command, (_, quoted?: string, value?: string, plain?: string, args?: string) => {
      const words = ['ordermesh', quoted ?? plain, value ?? args].filter(Boolean).join(' ');
      return quoted === undefined ? words : `"${words}"`;
    });
}

import { shownCommands } from './shown-commands.ts';

/** `curl` with an argument: not the word in a sentence, and not `grpcurl`. */
const command = /(?<![\w-])curl\s+(?:[-'"$<\\]|https?:|localhost\b|[\w.]+:\d)/;

/** The lines of a page that call curl, wherever they are: in a block of any language, in a list, in a sentence. */
export function curlLines(markdown: string): string[] {
  return linesOf(markdown).filter((line) => command.test(line));
}

/** Those that are run with the commands of the page. */
export function runCurlLines(markdown: string): string[] {
  const scripts = shownCommands(markdown).filter(({ output }) => output.length > 0);
  return scripts.flatMap(({ script }) => curlLines(script)).filter((line) => !line.startsWith('#'));
}

function linesOf(text: string): string[] {
  return text.split('\n').map((line) => line.trim());
}

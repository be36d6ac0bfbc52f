import { readFile, symlink } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { type SpawnedProcess, spawnCommand } from '../../../mesh/testing/servers/spawn-command.ts';
import { missingLine, shownCommands } from '../../docs/support/shown-commands.ts';
import { freshClone } from '../../support/fresh-clone.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

export interface PageOptions {
  /** For all commands. A mesh has a free port for HTTP by default. */
  readonly environment: Readonly<Record<string, string>>;
  /** In each command, the keys are replaced by their values. */
  readonly changes: Readonly<Record<string, string>>;
  /** Commands that run until they are stopped. They print a line that begins with `ready`. */
  readonly servers: RegExp;
  /** How long any other command may take. Default: 100 s. */
  readonly timeoutMs?: number;
}

/** Runs the commands of pages. What they started is killed when it goes out of scope. */
export interface PageCommands extends AsyncDisposable {
  /** The folder that they run in: a clone of the project. */
  readonly folder: string;
  /**
   * Runs the commands of a page in this order, those of servers in the background once they are ready. Throws if another
   * one fails, or does not print what the page shows.
   */
  follow(page: string): Promise<void>;
}

/** Creates them with a clone of the project and its tools. */
export async function pageCommands(options: PageOptions): Promise<PageCommands> {
  const { environment, changes, servers, timeoutMs = 100_000 } = options;
  const stack = new AsyncDisposableStack();
  const clone = stack.use(await freshClone());
  await symlink(join(root, '.tools'), join(clone.path, '.tools'));
  const env = {
    ...process.env,
    HTTP_LISTEN: '127.0.0.1:0',
    ...environment,
    PATH: [join(root, '.tools/bin'), process.env.PATH].join(delimiter),
  };

  function spawnScript(command: string, cwd: string): SpawnedProcess {
    const options = { command: ['bash', '-ec', script(command)], cwd, environment: env, isGroup: true };
    return stack.use(spawnCommand(options));
  }

  async function run(command: string, cwd: string): Promise<string> {
    const { ended, kill, stdout, stderr } = spawnScript(command, cwd);
    const timer = setTimeout(kill, timeoutMs);
    const { code, signal } = await ended;
    clearTimeout(timer);
    if (code !== 0) throw new Error(`${command} ended with ${code ?? signal}:\n${stdout()}${stderr()}`);
    return stdout();
  }

  async function start(command: string, cwd: string): Promise<void> {
    await spawnScript(command, cwd).printed(/^ready/m);
  }

  return {
    folder: clone.path,
    async follow(page) {
      let cwd = clone.path;
      let exports = '';
      for (const { shown, output } of commandsOf(await readFile(join(root, page), 'utf8'))) {
        const changed = Object.entries(changes).reduce((text, [from, to]) => text.replaceAll(from, to), shown);
        const command = `${exports}${changed}`;
        if (changed.startsWith('export ')) exports = `${command}\n`;
        else if (changed.startsWith('cd ')) cwd = join(cwd, changed.slice('cd '.length));
        else if (servers.test(command)) await start(command, cwd);
        else {
          const printed = await run(command, cwd);
          expect(missingLine(output, printed), `missing line; ${command} printed:\n${printed}`).toBeUndefined();
        }
      }
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** The packages and tools are there, so `make` must not install any. */
function script(command: string): string {
  return `make() { command make -o node_modules/.package-lock.json "$@"; }\n${command}`;
}

interface PageCommand {
  readonly shown: string;
  readonly output: readonly string[];
}

/** The commands of a page: blocks marked `sh` as a whole, with the output that is shown, and each line of unmarked blocks. */
function commandsOf(markdown: string): PageCommand[] {
  const blocks = [...markdown.matchAll(/^```(\w*)\n(.*?)^```$/gms)];
  return blocks.flatMap(([block, language, text = '']) => {
    if (language === 'sh')
      return shownCommands(markdown.slice(markdown.indexOf(block)))
        .slice(0, 1)
        .map(({ script: shown, output }) => ({ shown, output }));
    if (language !== '') return [];
    const lines = text.replaceAll(/\\\n\s*/g, '').split('\n');
    return lines
      .map((line) => ({ shown: line.replace(/\s+#.*$/, ''), output: [] }))
      .filter(({ shown }) => shown !== '');
  });
}

import { spawnSync } from 'node:child_process';
import { tempFolder } from '../temp-folder.ts';
import type { TestServer } from './servers.ts';
import { spawnCommand } from './spawn-command.ts';

/** Chromium, a browser, for `describeWithServer`. */
export const chromium: TestServer = { name: 'Chromium', version: installedVersion() };

/** A browser without a window. It stops when it goes out of scope or the test process exits. */
export interface StartedChromium extends AsyncDisposable {
  /** The address of its DevTools protocol: `ws://127.0.0.1:…`. */
  readonly devTools: string;
}

/** Starts Chromium with a profile of its own. Throws with its output if it exits before it listens. */
export async function startChromium(): Promise<StartedChromium> {
  await using stack = new AsyncDisposableStack();
  const profile = stack.use(await tempFolder());
  const options = ['--headless=new', '--remote-debugging-port=0', `--user-data-dir=${profile.path}`, '--no-first-run'];
  // Its sandbox does not run as root, and a container may not have the shared memory that it asks for.
  const isRoot = process.getuid?.() === 0;
  const command = [
    'chromium',
    ...options,
    ...(isRoot ? ['--no-sandbox'] : []),
    '--disable-dev-shm-usage',
    'about:blank',
  ];
  const browser = stack.use(spawnCommand({ command, environment: { HOME: profile.path }, isGroup: true }));
  const [, devTools = ''] = await browser.printed(/^DevTools listening on (ws:\S+)/m);
  const moved = stack.move();
  return { devTools, [Symbol.asyncDispose]: () => moved.disposeAsync() };
}

function installedVersion(): string | undefined {
  const { stdout } = spawnSync('chromium', ['--version'], { encoding: 'utf8' });
  return /Chromium (\S+)/.exec(stdout ?? '')?.[1];
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { DockerEngine } from './engine.ts';

/** Makes an image of the files below `root`. Throws if not all of them are in it; there is no image then. */
export async function importRoot(
  { environment, docker }: Pick<DockerEngine, 'environment' | 'docker'>,
  root: string,
  image: string,
): Promise<void> {
  const tar = spawn('tar', ['-C', root, '-c', '.'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const imported = spawn('docker', ['import', '-', image], {
    env: environment,
    stdio: [tar.stdout, 'ignore', 'inherit'],
  });
  const [read, written] = await Promise.all([once(tar, 'exit'), once(imported, 'exit')]);
  if (read[0] === 0 && written[0] === 0) return;
  // docker takes what it got before tar failed for all. If docker failed, there is no image to remove.
  await docker('rmi', image).catch(() => undefined);
  throw new Error(`no image ${image} of ${root}: tar ended with ${read[0]}, docker import with ${written[0]}`);
}

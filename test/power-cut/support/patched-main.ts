import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { type Patch, patchesVariable } from './patches.ts';

// services/main.ts, some modules of which are patched. SIGUSR2 kills it between two turns of its event loop, so each system
// call of its main thread is in the journal completely.
const patches: readonly Patch[] = JSON.parse(process.env[patchesVariable] ?? '[]');
const applied = new Set<Patch>();
registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const ofFile = patches.filter(({ file }) => url.endsWith(`/${file}`));
    if (ofFile.length === 0) return loaded;
    return { ...loaded, source: ofFile.reduce(apply, readFileSync(new URL(url), 'utf8')) };
  },
});
process.on('SIGUSR2', () => process.kill(process.pid, 'SIGKILL'));
await import('../../../services/main.ts');
if (applied.size < patches.length) throw new Error('a patched module was not loaded');

function apply(source: string, patch: Patch): string {
  if (source.split(patch.from).length !== 2) throw new Error(`${patch.file} does not have this once: ${patch.from}`);
  applied.add(patch);
  return source.replace(patch.from, patch.to);
}

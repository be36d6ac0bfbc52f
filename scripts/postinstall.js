import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// npm and make run this after `npm ci`: buf then finds the third-party contracts that ours import. They come from
// development packages; an install without these has no buf either. This is JavaScript because it also runs on older
// versions of Node, which then skip it.
const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
if (existsSync(at('node_modules/google-gax')) && process.features.typescript) {
  const { collectThirdPartyProtos } = await import('./protos/third-party-protos.ts');
  await collectThirdPartyProtos(at('.cache/proto'));
}

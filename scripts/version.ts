import { fileURLToPath } from 'node:url';
import { messageOf } from '../mesh/errors/error-text.ts';
import { setVersion } from './release/set-version.ts';
import { versionPlaces } from './release/version-places.ts';

// Sets the version of the repository in all files that show it: make version VERSION=0.2.0. `make gen` writes it to gen/.

const [version = ''] = process.argv.slice(2);
try {
  await setVersion(fileURLToPath(new URL('..', import.meta.url)), version, versionPlaces);
  console.log(`${version} in ${new Set(versionPlaces.map(({ file }) => file)).size} files`);
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 2;
}

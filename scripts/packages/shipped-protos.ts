import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { collectThirdPartyProtos } from '../protos/third-party-protos.ts';

/** Contracts of ours that those of other projects import, and those of the service that the package has. */
const shipped = ['common', 'events', 'mesh', 'ops'];

/**
 * Writes the contracts that a project needs to `folder`: some of ours, and third parties', which come from npm packages with
 * their licence.
 */
export async function shipProtos(root: string, folder: string): Promise<void> {
  for (const name of shipped) await cp(join(root, 'proto', name), join(folder, name), { recursive: true });
  await collectThirdPartyProtos(folder);
  await copyThirdPartyLicense(root, folder);
}

/** Copies the licence of contracts in google/, grpc/ and buf/validate/, and of code that is generated from them: Apache 2.0. */
export async function copyThirdPartyLicense(root: string, folder: string): Promise<void> {
  await cp(join(root, 'node_modules/@grpc/grpc-js/LICENSE'), join(folder, 'LICENSE-third-party'));
}

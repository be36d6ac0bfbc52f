import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createFileRegistry, type DescService, type FileRegistry, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { serviceConfig } from '../../mesh/contract/plugin/service-config.ts';
import { openApiDocument } from '../../mesh/edge/openapi/generator/generator.ts';
import { restTypes } from '../../mesh/edge/openapi/rest-types/rest-types.ts';
import { isThirdParty } from '../protos/third-party-protos.ts';

/** The descriptors of the contracts, in the folder that code is generated to. */
export function descriptorsIn(genDir: string): string {
  return join(genDir, 'descriptors.binpb');
}

/**
 * Generates what is made from the descriptors in `genDir`: service configs, the OpenAPI document with this version, and
 * the types of REST. The descriptors lose the source info of third parties.
 */
export async function deriveFromDescriptors(genDir: string, version: string): Promise<void> {
  const descriptors = descriptorsIn(genDir);
  await writeFile(descriptors, removeThirdPartySourceInfo(await readFile(descriptors)));
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, await readFile(descriptors)));
  await writeServiceConfigs(join(genDir, 'service-config'), registry);
  const document = openApiDocument(registry, version);
  await writeFile(join(genDir, 'openapi.json'), `${JSON.stringify(document, null, 2)}\n`);
  await writeFile(join(genDir, 'ts/rest.ts'), restTypes(document));
}

/** Writes a gRPC service config for each service of ours, and `ordermesh.json` for an address that serves all of them. */
async function writeServiceConfigs(targetDir: string, registry: FileRegistry): Promise<void> {
  const services = [...registry].filter(
    (type): type is DescService => type.kind === 'service' && !type.file.proto.package.startsWith('grpc.'),
  );
  const byName = Object.groupBy(services, ({ file }) => file.proto.package.split('.')[0] ?? '');
  await mkdir(targetDir);
  for (const [name, served = []] of [...Object.entries(byName), ['ordermesh', services] as const]) {
    const config = JSON.stringify(serviceConfig(served, registry), null, 2);
    await writeFile(join(targetDir, `${name}.json`), `${config}\n`);
  }
}

/**
 * Removes the source info of third-party contracts. Ours keep theirs, because reflection shows their comments. A file has
 * all of it or none: some generators, such as prost, fail on a file where parts are missing.
 */
function removeThirdPartySourceInfo(descriptors: Uint8Array): Uint8Array {
  const set = fromBinary(FileDescriptorSetSchema, descriptors);
  for (const file of set.file.filter(({ name }) => isThirdParty(name))) file.sourceCodeInfo = undefined;
  return toBinary(FileDescriptorSetSchema, set);
}

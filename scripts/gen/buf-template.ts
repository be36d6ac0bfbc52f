import { readFile } from 'node:fs/promises';

/** Where the plugins of the template are, and what the code that they generate imports. */
export interface TemplateParts {
  /** The program of ts-proto. */
  readonly tsProto: string;
  /** The compiled `mesh/contract/protoc-gen-mesh.ts`. */
  readonly plugin: string;
  /** The package of the runtime. */
  readonly runtime: string;
}

/** Returns the template that `make gen` uses, `buf.gen.yaml`, for a project outside of the repository. */
export async function bufTemplate({ tsProto, plugin, runtime }: TemplateParts): Promise<string> {
  const template = await readFile(new URL('../../buf.gen.yaml', import.meta.url), 'utf8');
  const places: readonly [string, string][] = [
    ['node_modules/.bin/protoc-gen-ts_proto', tsProto],
    ['mesh/contract/protoc-gen-mesh.ts', plugin],
    ['runtime=../../mesh', `runtime=${runtime}`],
  ];
  return places.reduce((text, [place, actual]) => {
    if (!text.includes(place)) throw new RangeError(`buf.gen.yaml has no ${place}`);
    return text.replaceAll(place, actual);
  }, template);
}

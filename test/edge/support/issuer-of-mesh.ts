import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Writes a key set into a folder. Returns the settings of a mesh that believes the tokens of its issuer. */
export async function authSettings(
  folder: string,
  keySet: string,
  { issuer, audience }: { readonly issuer: string; readonly audience: string },
): Promise<Record<string, string>> {
  const file = join(folder, 'jwks.json');
  await writeFile(file, keySet);
  return { AUTH_JWKS: file, AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience };
}

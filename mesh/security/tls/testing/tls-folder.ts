import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tempFolder } from '../../../testing/temp-folder.ts';

/** The texts of TLS files, by the settings that name them. */
export type TlsTexts = Partial<
  Record<'TLS_CERT' | 'TLS_KEY' | 'TLS_CA' | 'TLS_CRL' | 'HTTP_TLS_CERT' | 'HTTP_TLS_KEY' | 'EVENTS_CA_FILE', string>
>;

/** A folder with TLS files, which is removed when it goes out of scope. */
export interface TlsFolder extends AsyncDisposable {
  /** The paths of the files that were written, by setting. */
  readonly settings: Readonly<Record<string, string>>;
  /** Replaces files as `mv` does, one after the other. */
  write(texts: TlsTexts): Promise<void>;
}

/** Creates a folder with these files. */
export async function tlsFolder(texts: TlsTexts): Promise<TlsFolder> {
  const folder = await tempFolder();
  const settings: Record<string, string> = {};
  const write = async (changed: TlsTexts) => {
    for (const [setting, text] of Object.entries(changed)) {
      const path = join(folder.path, `${setting}.pem`);
      await writeFile(`${path}.new`, text, { mode: 0o600 });
      await rename(`${path}.new`, path);
      settings[setting] = path;
    }
  };
  await write(texts);
  return { settings, write, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

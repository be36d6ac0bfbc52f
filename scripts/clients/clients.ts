import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import {
  generateCsharp,
  generateJava,
  generatePython,
  generateRust,
  generateTypeScript,
  generateWithBuf,
  path,
  python,
  root,
  run,
} from './generate.ts';

const javaGenerators = join(root, '.tools/java-generators');

/** A language in which `make clients` writes clients to `gen/<language>`. */
interface Language {
  /** Programs that have to be installed: names on the path, or absolute paths. */
  readonly tools: readonly string[];
  /** How to install them. */
  readonly install: string;
  /** Those that `scripts/deps/generators.sh` installs, as soon as the others are there. */
  readonly generators?: { readonly programs: readonly string[]; readonly installation: string };
  /** Generates into `dir`, which has the files of `scripts/clients/<language>` already. */
  readonly generate: (dir: string) => Promise<void>;
}

export const languages: Readonly<Record<string, Language>> = {
  go: {
    tools: ['go', 'protoc-gen-go', 'protoc-gen-go-grpc'],
    install: 'run `make deps-polyglot`',
    generate: generateWithBuf,
  },
  python: {
    tools: [join(python, 'python'), join(python, 'protoc-gen-mypy_grpc')],
    install: 'run `make deps-polyglot`',
    generate: generatePython,
  },
  typescript: {
    tools: ['buf', 'tsc', 'npm'],
    install: 'run `npm ci`',
    generate: generateTypeScript,
  },
  csharp: {
    tools: [],
    install: '',
    generate: generateCsharp,
  },
  // Last: the first time, they take the longest.
  java: {
    tools: ['mvn', 'javac'],
    install: 'install Maven and a JDK, for example maven and openjdk-17-jdk-headless',
    generators: {
      programs: ['protoc', 'protoc-gen-grpc-java'].map((name) => join(javaGenerators, name)),
      installation: 'downloading its generators',
    },
    generate: generateJava,
  },
  rust: {
    tools: ['cargo'],
    install: 'install Rust 1.88 or later, for example with rustup',
    generators: {
      programs: ['prost', 'tonic'].map((name) => join(root, '.tools/rust/bin', `protoc-gen-${name}`)),
      installation: 'compiling its generators: takes minutes, the first time only',
    },
    generate: generateRust,
  },
};

/** The tools of a language, for `describeWithServer`, because they may be missing like a server. */
export function clientTools(language: string): { readonly name: string; readonly version: string | undefined } {
  const { tools, generators } = find(language);
  const isComplete = missing([...tools, ...(generators?.programs ?? [])]).length === 0;
  return { name: `what make clients-${language} needs`, version: isComplete ? '(installed)' : undefined };
}

/** Writes the clients of a language to the folder `dir`. */
export async function writeClients(language: string, dir: string): Promise<void> {
  const found = find(language);
  requireTools(language, [...found.tools, ...(found.generators?.programs ?? [])]);
  await cp(join(root, 'scripts/clients', language), dir, { recursive: true });
  await found.generate(dir);
}

/** Replaces `gen/<language>`. If that fails, it is unchanged. */
async function replaceClients(language: string): Promise<void> {
  await mkdir(join(root, '.cache'), { recursive: true });
  // On the same file system as gen/, so it can be renamed into place.
  const temp = await mkdtemp(join(root, '.cache/clients-'));
  try {
    // In a folder of its own: only the user may read a temporary folder.
    const fresh = join(temp, language);
    await writeClients(language, fresh);
    const target = join(root, 'gen', language);
    await rm(target, { recursive: true, force: true });
    await rename(fresh, target);
  } finally {
    await rm(temp, { recursive: true, force: true });
  }
}

/** A language cannot be written on this machine as it is. */
class ToolsMissing extends Error {}

/** Throws ToolsMissing if one of these is not installed. */
function requireTools(language: string, tools: readonly string[]): void {
  const names = missing(tools);
  if (names.length > 0) throw new ToolsMissing(`${names.join(', ')} not found: ${find(language).install}`);
}

function missing(tools: readonly string[]): string[] {
  const folders = path.split(delimiter);
  return tools.filter(
    (tool) => ![tool, ...folders.map((folder) => join(folder, tool))].some((place) => existsSync(place)),
  );
}

/** Installs the generators of a language, if it has any. */
function installGenerators(language: string): void {
  const { tools, generators, install } = find(language);
  requireTools(language, tools);
  if (generators === undefined) return;
  if (missing(generators.programs).length > 0) console.log(`clients-${language}: ${generators.installation}`);
  try {
    run('sh', ['scripts/deps/generators.sh', language]);
  } catch {
    throw new ToolsMissing(`its generators cannot be installed, see above: ${install}`);
  }
}

function find(language: string): Language {
  const found = languages[language];
  if (!found) throw new Error(`no clients for ${language}: use ${Object.keys(languages).join(', ')}`);
  return found;
}

/** Without languages, writes all for which there are tools, and lists the others at the end. */
async function main(requested: readonly string[]): Promise<void> {
  const leftOut: string[] = [];
  for (const language of requested.length > 0 ? requested : Object.keys(languages)) {
    try {
      installGenerators(language);
      console.log(`clients-${language}: generating`);
      await replaceClients(language);
      console.log(`gen/${language}: clients for ${language}; see its README.md`);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (error instanceof ToolsMissing && requested.length === 0) {
        leftOut.push(`clients-${language}: left out: ${text}`);
      } else {
        console.error(`clients-${language}: ${text}`);
        process.exitCode = 1;
      }
    }
  }
  for (const line of leftOut) console.error(line);
}

if (import.meta.main) await main(process.argv.slice(2));

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

/** Every link in the Markdown files of a repository that leads to no file, or to no heading of its file. */
export async function brokenLinks(root: string): Promise<string[]> {
  const broken: string[] = [];
  for (const page of filesOf(root, '*.md')) {
    for (const [, link = ''] of (await prose(join(root, page))).matchAll(/\[[^\]]*\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(link)) continue;
      const [path = '', heading] = link.split('#');
      // `make clients` copies the READMEs of the clients to gen/<language>.
      const from = dirname(page).replace(/^scripts\/clients\//, 'gen/');
      const target = path === '' ? join(root, page) : join(root, from, path);
      if (!existsSync(target) || (heading !== undefined && !(await headings(target)).includes(heading))) {
        broken.push(`${page}: ${link} (${relative(root, target)})`);
      }
    }
  }
  return broken;
}

/**
 * Every TypeScript file that a Markdown file names, in full or by the end of its path, and that does not exist. Leaves out
 * CONTRIBUTING.md, which names files to be written, and files that a page shows in full.
 */
export async function missingFiles(root: string): Promise<string[]> {
  const paths = filesOf(root, '*.ts').map((path) => `/${path}`);
  const missing: string[] = [];
  for (const page of filesOf(root, '*.md').filter((path) => path !== 'CONTRIBUTING.md')) {
    const text = await readFile(join(root, page), 'utf8');
    for (const [, name = ''] of (await prose(join(root, page))).matchAll(/`([\w./-]+\.ts)`/g)) {
      if (text.includes(`\`${name}\`:\n\n\`\`\``)) continue;
      if (!paths.some((path) => path.endsWith(`/${name}`))) missing.push(`${page}: ${name}`);
    }
  }
  return missing;
}

/** The paths of the files in a repository that match a pattern of git, from its root. */
export function filesOf(root: string, pattern: string): string[] {
  return execFileSync('git', ['ls-files', '--', pattern], { cwd: root, encoding: 'utf8' }).trim().split('\n');
}

/** The anchors that GitHub gives to a page's headings. */
async function headings(page: string): Promise<string[]> {
  return [...(await prose(page)).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** A page without its code blocks. */
async function prose(page: string): Promise<string> {
  return (await readFile(page, 'utf8')).replace(/^```.*?^```$/gms, '');
}

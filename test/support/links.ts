import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

/** Every link in the Markdown files of a repository that leads to no file, or to no heading of its file. */
export async function brokenLinks(root: string): Promise<string[]> {
  const pages = execFileSync('git', ['ls-files', '--', '*.md'], { cwd: root, encoding: 'utf8' }).trim().split('\n');
  const broken: string[] = [];
  for (const page of pages) {
    for (const [, link = ''] of (await prose(join(root, page))).matchAll(/\[[^\]]*\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(link)) continue;
      const [path = '', heading] = link.split('#');
      const target = path === '' ? join(root, page) : join(root, dirname(page), path);
      if (!existsSync(target) || (heading !== undefined && !(await headings(target)).includes(heading))) {
        broken.push(`${page}: ${link} (${relative(root, target)})`);
      }
    }
  }
  return broken;
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

/** The block of code that follows the name of a file in a README. Throws if there is none. */
export function shownFile(readme: string, file: string): string {
  const [, text] = readme.split(`\`${file}\``)[1]?.match(/```\w+\n(.*?)```/s) ?? [];
  if (text === undefined) throw new Error(`the README does not show ${file}`);
  return text;
}

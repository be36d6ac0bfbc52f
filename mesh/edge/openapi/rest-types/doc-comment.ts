/** Returns a description as the lines of a comment; none if there is no description. Only its first paragraph is shown. */
export function docComment(indent: string, description: string | undefined): string[] {
  const [first = ''] = (description ?? '').split('\n');
  return first === '' ? [] : [`${indent}/** ${first.replaceAll('*/', '*\\/')} */`];
}

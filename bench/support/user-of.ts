/** Creates the user with this index. Ids sort by index. */
export function userOf(index: number) {
  const id = `user-${String(index).padStart(7, '0')}`;
  return { id, name: `Name ${index}`, email: `${id}@example.com`, role: 'admin' };
}

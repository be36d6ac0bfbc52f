/** Collects one generated TypeScript file: its imports, its constants, and its body. */
export interface GeneratedModule {
  /** Imports a value and returns its local name, which differs from `name` if that is taken. */
  import(name: string, from: string): string;
  /** Imports a type. */
  importType(name: string, from: string): string;
  /** Declares a constant before the body, once for equal expressions, and returns its name. */
  constant(prefix: string, expression: string): string;
  /** Adds lines to the body. */
  print(lines: readonly string[]): void;
  /** Returns the file, without unused imports. */
  toString(): string;
}

interface Import {
  readonly name: string;
  readonly from: string;
  readonly local: string;
  readonly isType: boolean;
}

/** Starts a file. `reservedNames` are those that its body declares, so no import gets them. */
export function createModule(header: string, reservedNames: readonly string[]): GeneratedModule {
  const imports = new Map<string, Import>();
  const names = new Set(reservedNames);
  const constants = new Map<string, string>();
  const body: string[] = [];

  function addImport(name: string, from: string, isType: boolean): string {
    const key = `${isType} ${name} ${from}`;
    const known = imports.get(key);
    if (known !== undefined) return known.local;
    const local = takeName(name);
    imports.set(key, { name, from, local, isType });
    return local;
  }

  function takeName(name: string): string {
    let local = name;
    for (let count = 2; names.has(local); count += 1) local = `${name}${count}`;
    names.add(local);
    return local;
  }

  return {
    import: (name, from) => addImport(name, from, false),
    importType: (name, from) => addImport(name, from, true),
    constant(prefix, expression) {
      const name = constants.get(expression) ?? takeName(prefix);
      constants.set(expression, name);
      return name;
    },
    print: (lines) => {
      body.push(...lines);
    },
    toString() {
      const declared = [...constants].map(([expression, name]) => `const ${name} = ${expression};`);
      const code = [...declared, '', ...body].join('\n').trim();
      const used = [...imports.values()].filter(({ local }) => new RegExp(`\\b${local}\\b`).test(code));
      return `${header}\n\n${printImports(used).join('\n')}\n\n${code}\n`;
    },
  };
}

function printImports(imports: readonly Import[]): string[] {
  const groups = Map.groupBy(imports, ({ from, isType }) => `${from} ${isType ? 'type ' : ''}`);
  return [...groups]
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([, group]) => {
      const [first] = group;
      const names = group.map(({ name, local }) => (name === local ? name : `${name} as ${local}`)).toSorted();
      return `import ${first?.isType ? 'type ' : ''}{ ${names.join(', ')} } from '${first?.from}';`;
    });
}

/** Returns a string as a TypeScript literal in single quotes. */
export function quote(text: string): string {
  const escaped = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
  return `'${escaped}'`;
}

/** Indents lines by one level. */
export function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

// Words that cannot name a package, a type or a variable of generated code or of the template.

const byLanguage: Readonly<Record<string, string>> = {
  Go: `break case chan const continue default defer else fallthrough for func go goto if import interface internal map
    package range return select struct switch type var vendor`,
  Java: `abstract assert boolean break byte case catch char class const continue default do double else enum extends
    final finally float for goto if implements import instanceof int interface long native new package private
    protected public return short static strictfp super switch synchronized this throw throws transient try void
    volatile while true false null`,
  Rust: `abstract as async await become box break const continue crate do dyn else enum extern false final fn for gen
    if impl in let loop macro match mod move mut override priv pub ref return self static struct super trait true try
    type typeof unsafe unsized use virtual where while yield`,
  Python: `and as assert async await break class continue def del elif else except false finally for from global if
    import in is lambda none nonlocal not or pass raise return true try while with yield`,
  TypeScript: `any arguments array as async await bigint boolean break buffer case catch class const continue debugger
    default delete do else enum eval export extends false finally for function if implements import in infinity
    instanceof interface let map module never new null number object package private protected public record return
    set static string super switch symbol this throw true try typeof undefined unknown var void while with yield`,
  'protocol buffers': `bool bytes enum extend extensions float group import map message oneof option optional package
    public repeated required reserved returns rpc service stream string syntax to weak`,
};

/** SQL names tables after the plural. SQLite or PostgreSQL reserve these. */
const sql = new Set(
  `all analyse analyze and any array as asc both case cast check collate column constraint create default deferrable
   desc distinct do else end except exists false for foreign from grant group having in index initially inner into is
   isnull join leading left like limit natural not notnull null offset on only or order outer over overlaps placing
   primary references returning right select set similar some table then to trailing transaction true union unique
   update user using values when where window with`.split(/\s+/),
);

const languages = Object.entries(byLanguage).map(
  ([language, words]) => [language, new Set(words.split(/\s+/))] as const,
);

/** The language that reserves a word, in which a client or the service itself could not be compiled. */
export function languageReserving(word: string): string | undefined {
  return languages.find(([, words]) => words.has(word))?.[0];
}

/** Whether a database could not have a table of this name. */
export function isReservedInSql(word: string): boolean {
  return sql.has(word);
}

/** What a data folder or a mesh has under these names, next to the databases of its services. */
export const namesOfMesh: ReadonlySet<string> = new Set(
  'all buf carrier certs common events google grpc mail main mesh ordermesh split tasks'.split(' '),
);

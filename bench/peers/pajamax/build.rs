fn main() -> std::io::Result<()> {
    pajamax_build::compile_protos_in_local(&["../users.proto"], &[".."])
}

# A list of what is in the binary (CycloneDX 1.5) out of `cargo metadata`: the packages of $used, one a line with its
# version, with the checksums of the lock file in $sums.
def words: split("\n") | map(select(. != "") | split(" "));
def purl: "pkg:cargo/\(.name)@\(.version)";
($used | words | map("\(.[0]) \(.[1])")) as $wanted
| ($sums | words | map({"\(.[0]) \(.[1])": .[2]}) | add) as $checksums
| (.packages | map({"\(.name) \(.version)": .}) | add) as $known
| .resolve.root as $root
| (.packages[] | select(.id == $root)) as $own
| {
    "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: {
      component: {
        type: "application",
        "bom-ref": ($own | purl),
        name: $own.name,
        version: $version,
        description: $own.description,
        licenses: [{expression: $own.license}],
        purl: ($own | purl),
        properties: [{name: "cargo:target", value: $target}]
      }
    },
    components: [
      $wanted[]
      | select(. != "\($own.name) \($own.version)")
      | . as $key
      | ($known[$key] // error("cargo metadata does not know \($key)"))
      | {
          type: "library",
          "bom-ref": purl,
          name,
          version,
          description: (.description // "" | gsub("\\s+"; " ") | sub("^ "; "") | sub(" $"; "")),
          hashes: [($checksums[$key] // empty) | {alg: "SHA-256", content: .}],
          licenses: [(.license // empty) | {expression: gsub("/"; " OR ")}],
          purl: purl,
          externalReferences: [(.repository // empty) | {type: "vcs", url: .}]
        }
    ]
  }

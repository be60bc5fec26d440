"""What in the trees of tree-sitter's grammars is a symbol, in its language of queries, a text for each language.

@function, @class: what is a symbol, with @name, and @of before it where the name does not say whose it is. Of several with one name the
outermost counts, such as that with its decorators. @module: what holds symbols and is none, with @name. @imports: a line of them.
@comment: what belongs to the symbol right below it.
"""

_EVERY = "(ERROR) @error"

PYTHON = f"""
(module [(import_statement) (import_from_statement) (future_import_statement)] @imports)
(function_definition name: (_) @name) @function
(class_definition name: (_) @name) @class
(decorated_definition (function_definition name: (_) @name)) @function
(decorated_definition (class_definition name: (_) @name)) @class
(comment) @comment
{_EVERY}
"""

_FUNCTION_VALUE = "[(arrow_function) (function_expression) (generator_function)]"
_DECLARED = f"(variable_declarator name: (identifier) @name value: {_FUNCTION_VALUE})"
JAVASCRIPT = f"""
(program (import_statement) @imports)
(function_declaration name: (_) @name) @function
(generator_function_declaration name: (_) @name) @function
(class_declaration name: (_) @name) @class
(method_definition name: (_) @name) @function
(lexical_declaration {_DECLARED}) @function
(variable_declaration {_DECLARED}) @function
(export_statement (function_declaration name: (_) @name)) @function
(export_statement (generator_function_declaration name: (_) @name)) @function
(export_statement (class_declaration name: (_) @name)) @class
(export_statement (lexical_declaration {_DECLARED})) @function
(pair key: (property_identifier) @name value: {_FUNCTION_VALUE}) @function
(expression_statement
  (assignment_expression left: (member_expression property: (_) @name) right: {_FUNCTION_VALUE})) @function
(comment) @comment
{_EVERY}
"""
TYPESCRIPT = f"""
{JAVASCRIPT}
(abstract_class_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @class
(enum_declaration name: (_) @name) @class
(type_alias_declaration name: (_) @name) @class
(export_statement (abstract_class_declaration name: (_) @name)) @class
(export_statement (interface_declaration name: (_) @name)) @class
(export_statement (enum_declaration name: (_) @name)) @class
(export_statement (type_alias_declaration name: (_) @name)) @class
(internal_module name: (_) @name) @module
"""

JAVA = f"""
[(package_declaration) (import_declaration)] @imports
(class_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @class
(enum_declaration name: (_) @name) @class
(record_declaration name: (_) @name) @class
(annotation_type_declaration name: (_) @name) @class
(method_declaration name: (_) @name) @function
(constructor_declaration name: (_) @name) @function
[(line_comment) (block_comment)] @comment
{_EVERY}
"""

_DECLARATOR = "(function_declarator declarator: (_) @name)"
C = f"""
(preproc_include) @imports
(function_definition declarator: {_DECLARATOR}) @function
(function_definition declarator: (pointer_declarator declarator: {_DECLARATOR})) @function
(function_definition declarator: (pointer_declarator declarator: (pointer_declarator declarator: {_DECLARATOR}))) @function
(struct_specifier name: (_) @name body: (_)) @class
(union_specifier name: (_) @name body: (_)) @class
(enum_specifier name: (_) @name body: (_)) @class
(type_definition type: [(struct_specifier body: (_)) (union_specifier body: (_)) (enum_specifier body: (_))]
  declarator: (type_identifier) @name) @class
(preproc_function_def name: (_) @name) @function
(comment) @comment
{_EVERY}
"""
CPP = f"""
{C}
(function_definition declarator: (reference_declarator {_DECLARATOR})) @function
(class_specifier name: (_) @name body: (_)) @class
(template_declaration (function_definition declarator: {_DECLARATOR})) @function
(template_declaration (class_specifier name: (_) @name body: (_))) @class
(template_declaration (struct_specifier name: (_) @name body: (_))) @class
(namespace_definition name: (_) @name body: (_)) @module
"""

C_SHARP = f"""
(using_directive) @imports
(class_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @class
(struct_declaration name: (_) @name) @class
(record_declaration name: (_) @name) @class
(enum_declaration name: (_) @name) @class
(method_declaration name: (_) @name) @function
(constructor_declaration name: (_) @name) @function
(local_function_statement name: (_) @name) @function
(namespace_declaration name: (_) @name) @module
(comment) @comment
{_EVERY}
"""

GO = f"""
[(package_clause) (import_declaration)] @imports
(function_declaration name: (_) @name) @function
(method_declaration receiver: (parameter_list (parameter_declaration type: (_) @of)) name: (_) @name) @function
(type_declaration (type_spec name: (_) @name)) @class
(comment) @comment
{_EVERY}
"""

RUST = f"""
(source_file [(use_declaration) (extern_crate_declaration)] @imports)
(function_item name: (_) @name) @function
(macro_definition name: (_) @name) @function
(struct_item name: (_) @name) @class
(enum_item name: (_) @name) @class
(union_item name: (_) @name) @class
(trait_item name: (_) @name) @class
(impl_item type: (_) @name) @class
(mod_item name: (_) @name body: (_)) @module
[(attribute_item) (line_comment) (block_comment)] @comment
{_EVERY}
"""

SHELL = f"""
(function_definition name: (_) @name) @function
(comment) @comment
{_EVERY}
"""

//! What the interpreter's grammar has and boards' has not. A strict board refuses it as a board's parser does; on a
//! lenient one it works. Checked against MicroPython 1.29, whose ports share one grammar. `with (a as b):` is let
//! through: the tree does not tell the brackets.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{
    Comprehension, ConversionFlag, Decorator, ExceptHandler, Expr, InterpolatedStringElement, Mod, Parameters, Stmt,
    TypeParams,
};
use ruff_text_size::{Ranged, TextRange};

/// The first place in a program that a board's parser does not take.
pub(crate) fn refused(program: &Mod) -> Option<TextRange> {
    let mut beyond = Beyond(None);
    match program {
        Mod::Module(module) => beyond.visit_body(&module.body),
        Mod::Expression(expression) => beyond.visit_expr(&expression.body),
    }
    beyond.0
}

struct Beyond(Option<TextRange>);

impl Beyond {
    fn refuse(&mut self, place: TextRange) {
        if self.0.is_none_or(|first| place.start() < first.start()) {
            self.0 = Some(place);
        }
    }
}

impl<'a> Visitor<'a> for Beyond {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Match(_) | Stmt::TypeAlias(_) => self.refuse(stmt.range()),
            Stmt::Try(tried) => {
                for ExceptHandler::ExceptHandler(handler) in &tried.handlers {
                    let loose = matches!(handler.type_.as_deref(), Some(Expr::Tuple(all)) if !all.parenthesized);
                    if tried.is_star || loose {
                        self.refuse(handler.range);
                    }
                }
            }
            _ => {}
        }
        visitor::walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        let starred = |elements: &[Expr]| {
            elements.iter().find(|one| matches!(one, Expr::Starred(star) if star.ctx.is_load())).map(Ranged::range)
        };
        let place = match expr {
            Expr::List(list) => starred(&list.elts),
            Expr::Tuple(tuple) => starred(&tuple.elts),
            Expr::Set(set) => starred(&set.elts),
            Expr::Dict(dict) => dict.items.iter().find(|item| item.key.is_none()).map(|item| item.value.range()),
            _ => None,
        };
        place.into_iter().for_each(|place| self.refuse(place));
        visitor::walk_expr(self, expr);
    }

    fn visit_parameters(&mut self, parameters: &'a Parameters) {
        if let Some(last) = parameters.posonlyargs.last() {
            self.refuse(last.range());
        }
        visitor::walk_parameters(self, parameters);
    }

    /// A board's are a dotted name, and perhaps a call of it.
    fn visit_decorator(&mut self, decorator: &'a Decorator) {
        let mut name = match &decorator.expression {
            Expr::Call(call) => &call.func,
            other => other,
        };
        while let Expr::Attribute(attribute) = name {
            name = &attribute.value;
        }
        if !name.is_name_expr() {
            self.refuse(decorator.range);
        }
        visitor::walk_decorator(self, decorator);
    }

    fn visit_comprehension(&mut self, comprehension: &'a Comprehension) {
        if comprehension.is_async {
            self.refuse(comprehension.range);
        }
        visitor::walk_comprehension(self, comprehension);
    }

    fn visit_type_params(&mut self, parameters: &'a TypeParams) {
        self.refuse(parameters.range);
    }

    fn visit_interpolated_string_element(&mut self, element: &'a InterpolatedStringElement) {
        if let InterpolatedStringElement::Interpolation(field) = element
            && field.conversion == ConversionFlag::Ascii
        {
            self.refuse(field.range);
        }
        visitor::walk_interpolated_string_element(self, element);
    }
}

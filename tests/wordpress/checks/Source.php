<?php
/**
 * The tokens of one file.
 */

final class Source {

	/** @var string */
	public $path;

	/** @var PhpToken[] The tokens without white space and comments. */
	public $tokens;

	/** @var PhpToken[] */
	private $all;

	public function __construct( string $path, string $text ) {
		$this->path   = $path;
		$this->all    = PhpToken::tokenize( $text, TOKEN_PARSE );
		$this->tokens = array_values(
			array_filter(
				$this->all,
				static function ( PhpToken $token ) {
					return ! $token->isIgnorable();
				}
			)
		);
	}

	/**
	 * Returns a fault of the token at a position.
	 */
	public function fault( int $position, string $sentence ): string {
		return $this->path . ':' . $this->tokens[ $position ]->line . ' ' . $sentence;
	}

	/**
	 * Returns the position of the bracket that closes the one at a position.
	 */
	public function closing( int $position ): int {
		$depth = 0;
		for ( $at = $position; $at < count( $this->tokens ); $at++ ) {
			$depth += in_array( $this->tokens[ $at ]->text, array( '(', '[', '{', '${' ), true ) || T_CURLY_OPEN === $this->tokens[ $at ]->id ? 1 : 0;
			$depth -= in_array( $this->tokens[ $at ]->text, array( ')', ']', '}' ), true ) ? 1 : 0;
			if ( 0 === $depth ) {
				return $at;
			}
		}
		return count( $this->tokens ) - 1;
	}

	/**
	 * Returns the parts of a range between separators that are not inside brackets.
	 *
	 * @return array<int, array{0: int, 1: int}> First and last position of each part.
	 */
	public function split( int $from, int $to, array $separators ): array {
		$parts = array();
		$begin = $from;
		for ( $at = $from; $at <= $to; $at++ ) {
			if ( in_array( $this->tokens[ $at ]->text, array( '(', '[', '{' ), true ) ) {
				$at = $this->closing( $at );
			} elseif ( in_array( $this->tokens[ $at ]->text, $separators, true ) ) {
				$parts[] = array( $begin, $at - 1 );
				$begin   = $at + 1;
			}
		}
		if ( $begin <= $to ) {
			$parts[] = array( $begin, $to );
		}
		return $parts;
	}

	/**
	 * Returns named functions and methods that have a body.
	 *
	 * @return array<int, array{name: string, from: int, to: int, lines: int}>
	 */
	public function functions(): array {
		$found = array();
		foreach ( $this->tokens as $at => $token ) {
			if ( T_FUNCTION !== $token->id || T_STRING !== $this->tokens[ $at + 1 ]->id ) {
				continue;
			}
			$body = $this->body_of( $at );
			if ( null !== $body ) {
				$end     = $this->closing( $body );
				$found[] = array(
					'name'  => $this->tokens[ $at + 1 ]->text,
					'from'  => $at,
					'to'    => $end,
					'lines' => $this->tokens[ $end ]->line - $token->line + 1,
				);
			}
		}
		return $found;
	}

	/**
	 * Returns whether a range has a token with this text.
	 */
	public function has( int $from, int $to, string $text ): bool {
		for ( $at = $from; $at <= $to; $at++ ) {
			if ( $this->tokens[ $at ]->text === $text ) {
				return true;
			}
		}
		return false;
	}

	private function body_of( int $position ): ?int {
		for ( $at = $position; $at < count( $this->tokens ); $at++ ) {
			if ( '(' === $this->tokens[ $at ]->text ) {
				$at = $this->closing( $at );
			} elseif ( '{' === $this->tokens[ $at ]->text ) {
				return $at;
			} elseif ( ';' === $this->tokens[ $at ]->text ) {
				return null;
			}
		}
		return null;
	}
}

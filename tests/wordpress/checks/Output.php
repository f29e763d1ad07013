<?php
/**
 * Every output is escaped, and HTML is put together from escaped parts.
 */

final class Output {

	/** Functions whose result may be printed. */
	private const ESCAPING = array(
		'absint',
		'checked',
		'disabled',
		'esc_attr',
		'esc_attr__',
		'esc_html',
		'esc_html__',
		'esc_html_x',
		'esc_textarea',
		'esc_url',
		'get_block_wrapper_attributes',
		'selected',
		'wp_kses',
		'wp_kses_post',
	);

	/** @var Source */
	private $source;

	public function __construct( Source $source ) {
		$this->source = $source;
	}

	/**
	 * Returns a sentence for each output that is not escaped.
	 *
	 * @return string[]
	 */
	public function faults(): array {
		$faults = array();
		foreach ( $this->source->tokens as $at => $token ) {
			if ( in_array( $token->id, array( T_ECHO, T_PRINT, T_OPEN_TAG_WITH_ECHO ), true ) ) {
				$faults = array_merge( $faults, $this->printed( $at + 1, $this->end_of( $at ) ) );
			} elseif ( T_CONSTANT_ENCAPSED_STRING === $token->id && $this->is_markup( $token->text ) ) {
				$faults = array_merge( $faults, $this->neighbors( $at ) );
			} elseif ( T_ENCAPSED_AND_WHITESPACE === $token->id && preg_match( '~</?[a-z]~i', $token->text ) && ! preg_match( '~\b(SELECT|DELETE|UPDATE|INSERT)\b~', $token->text ) ) {
				$faults[] = $this->source->fault( $at, 'puts a variable into HTML: use an escaping function' );
			} elseif ( T_STRING === $token->id && in_array( $token->text, array( 'printf', 'vprintf', '_e', '_ex' ), true ) ) {
				$faults[] = $this->source->fault( $at, "prints with {$token->text}: use echo and an escaping function" );
			}
		}
		return $faults;
	}

	/**
	 * @return string[]
	 */
	private function printed( int $from, int $to ): array {
		$faults = array();
		foreach ( $this->source->split( $from, $to, array( '.', ',' ) ) as list( $first, $last ) ) {
			if ( ! $this->is_safe( $first, $last, false ) ) {
				$faults[] = $this->source->fault( $first, 'prints a value that is not escaped' );
			}
		}
		return $faults;
	}

	/**
	 * Returns a fault if what is joined to a piece of HTML is not escaped.
	 *
	 * @return string[]
	 */
	private function neighbors( int $at ): array {
		$next = $this->source->tokens[ $at + 1 ]->text ?? '';
		if ( '.' !== $next ) {
			return array();
		}
		list( $first, $last ) = $this->source->split( $at + 2, $this->end_of( $at + 2 ), array( '.', ',', '?', ':', ')', ']' ) )[0];
		return $this->is_safe( $first, $last, true ) ? array() : array( $this->source->fault( $first, 'joins HTML and a value that is not escaped' ) );
	}

	private function is_safe( int $first, int $last, bool $may_be_html ): bool {
		$token = $this->source->tokens[ $first ];
		if ( $first === $last && in_array( $token->id, array( T_CONSTANT_ENCAPSED_STRING, T_LNUMBER ), true ) ) {
			return true;
		}
		if ( T_INT_CAST === $token->id ) {
			return true;
		}
		$is_call = T_STRING === $token->id && '(' === $this->source->tokens[ $first + 1 ]->text && $this->source->closing( $first + 1 ) === $last;
		if ( $is_call && in_array( $token->text, self::ESCAPING, true ) ) {
			return true;
		}
		if ( $is_call && 'sprintf' === $token->text ) {
			return $this->all_safe( $first + 2, $last - 1 );
		}
		return $this->is_named_html( $first, $last ) || ( $may_be_html && '(' === $token->text );
	}

	private function all_safe( int $from, int $to ): bool {
		foreach ( $this->source->split( $from, $to, array( ',' ) ) as list( $first, $last ) ) {
			if ( ! $this->is_safe( $first, $last, false ) ) {
				return false;
			}
		}
		return true;
	}

	/**
	 * Returns whether a value says by its name that it is escaped HTML: `$link_html`, `$this->age_html( … )`, `$found->html`.
	 */
	private function is_named_html( int $first, int $last ): bool {
		for ( $at = $first; $at <= $last; $at++ ) {
			if ( '(' === $this->source->tokens[ $at ]->text ) {
				break;
			}
		}
		return 1 === preg_match( '~(^\$?|_)html$~', $this->source->tokens[ $at - 1 ]->text );
	}

	private function is_markup( string $literal ): bool {
		return 1 === preg_match( '~</?[a-z]|=["\\\\]~i', $literal ) && 0 === preg_match( '~\b(SELECT|DELETE|UPDATE|INSERT|JOIN)\b~', $literal );
	}

	private function end_of( int $position ): int {
		for ( $at = $position; $at < count( $this->source->tokens ); $at++ ) {
			if ( in_array( $this->source->tokens[ $at ]->text, array( '(', '[', '{' ), true ) ) {
				$at = $this->source->closing( $at );
			} elseif ( ';' === $this->source->tokens[ $at ]->text || T_CLOSE_TAG === $this->source->tokens[ $at ]->id ) {
				return $at - 1;
			}
		}
		return count( $this->source->tokens ) - 1;
	}
}

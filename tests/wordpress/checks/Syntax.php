<?php
/**
 * No syntax newer than PHP 7.4.
 */

final class Syntax {

	/** Tokens by name, since older PHP versions lack some of them. */
	private const NEWER = array(
		'T_MATCH'                    => 'match',
		'T_ENUM'                     => 'an enum',
		'T_READONLY'                 => 'readonly',
		'T_NULLSAFE_OBJECT_OPERATOR' => '?->',
		'T_ATTRIBUTE'                => 'an attribute',
	);

	/** @var Source */
	private $source;

	public function __construct( Source $source ) {
		$this->source = $source;
	}

	/**
	 * Returns a sentence for each use of newer syntax.
	 *
	 * @return string[]
	 */
	public function faults(): array {
		$faults = array();
		foreach ( $this->source->tokens as $at => $token ) {
			$newer = self::NEWER[ $token->getTokenName() ] ?? null;
			if ( null !== $newer ) {
				$faults[] = $this->source->fault( $at, "uses {$newer}, which is newer than PHP 7.4" );
			}
			if ( T_CATCH === $token->id && ! $this->source->has( $at, $this->source->closing( $at + 1 ), $this->variable_after( $at ) ) ) {
				$faults[] = $this->source->fault( $at, 'catches without a variable, which is newer than PHP 7.4' );
			}
		}
		foreach ( $this->source->functions() as $function ) {
			$faults = array_merge( $faults, $this->signature( $function['from'] ) );
		}
		return array_merge( $faults, $this->named_arguments() );
	}

	private function variable_after( int $at ): string {
		for ( $next = $at + 1; $next <= $this->source->closing( $at + 1 ); $next++ ) {
			if ( T_VARIABLE === $this->source->tokens[ $next ]->id ) {
				return $this->source->tokens[ $next ]->text;
			}
		}
		return '(none)';
	}

	/**
	 * @return string[]
	 */
	private function signature( int $at ): array {
		$open  = $at + 2;
		$close = $this->source->closing( $open );
		$end   = $close;
		while ( ! in_array( $this->source->tokens[ $end ]->text, array( '{', ';' ), true ) ) {
			++$end;
		}
		$faults = array();
		foreach ( array( 'public', 'protected', 'private', '|', 'mixed', 'never', '&' ) as $text ) {
			for ( $next = $open; $next < $end; $next++ ) {
				$is_reference = '&' === $text && T_VARIABLE === ( $this->source->tokens[ $next + 1 ]->id ?? 0 );
				if ( $this->source->tokens[ $next ]->text === $text && ! $is_reference ) {
					$faults[] = $this->source->fault( $at, "has {$text} in its signature, which is newer than PHP 7.4" );
				}
			}
		}
		if ( ',' === $this->source->tokens[ $close - 1 ]->text ) {
			$faults[] = $this->source->fault( $at, 'ends its parameters with a comma, which is newer than PHP 7.4' );
		}
		return $faults;
	}

	/**
	 * @return string[]
	 */
	private function named_arguments(): array {
		$faults = array();
		foreach ( $this->source->tokens as $at => $token ) {
			$before = $this->source->tokens[ $at - 1 ]->text ?? '';
			if ( T_STRING === $token->id && in_array( $before, array( '(', ',' ), true ) && ':' === ( $this->source->tokens[ $at + 1 ]->text ?? '' ) ) {
				$faults[] = $this->source->fault( $at, 'names an argument, which is newer than PHP 7.4' );
			}
		}
		return $faults;
	}
}

<?php
/**
 * The form of the product panel.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Products;

use WC_Product;

defined( 'ABSPATH' ) || exit;

/**
 * Stores what was typed, if it is clear; keeps the stored value and names the fault otherwise.
 */
final class PackageForm {

	/** The amounts of the form. */
	public const AMOUNTS = [ Packages::TOKENS, Packages::PER_MONTH, Packages::MONTHS ];

	/** @var WC_Product */
	private $product;

	/** @var string[] */
	private $faults = [];

	public function __construct( WC_Product $product ) {
		$this->product = $product;
	}

	/**
	 * Sets the mark of a package.
	 */
	public function mark( bool $is_package ): void {
		if ( $is_package ) {
			$this->product->update_meta_data( Packages::FLAG, 'yes' );
		} else {
			$this->product->delete_meta_data( Packages::FLAG );
		}
	}

	/**
	 * Sets the amounts as they were typed; an empty text removes an amount.
	 *
	 * @param array<string, string> $typed Texts by meta key.
	 */
	public function fill( array $typed ): void {
		foreach ( self::AMOUNTS as $key ) {
			if ( isset( $typed[ $key ] ) ) {
				$this->set( $key, trim( $typed[ $key ] ) );
			}
		}
		$this->check_plan();
	}

	/**
	 * Adds a fault if a package has no amount.
	 */
	public function check_amount( Packages $packages ): void {
		$has_variations = $this->product->is_type( [ 'variable', 'variable-subscription' ] );
		if ( ! $this->faults && ! $has_variations && $packages->is_marked( $this->product ) && null === $packages->find( $this->product ) ) {
			$this->faults[] = __( 'This product is marked as a token package, but has no amount of tokens. Orders of it wait until it has one.', 'token-bridge' );
		}
	}

	/**
	 * Returns a sentence for each value that was not stored.
	 *
	 * @return string[]
	 */
	public function faults(): array {
		return $this->faults;
	}

	private function set( string $key, string $typed ): void {
		if ( '' === $typed ) {
			$this->product->delete_meta_data( $key );
			return;
		}
		$amount = TokenAmount::read( $typed );
		if ( null === $amount || ( Packages::MONTHS === $key && $amount > Packages::MAX_MONTHS ) ) {
			/* translators: 1: name of a field, 2: what was typed */
			$this->faults[] = sprintf( __( '%1$s: "%2$s" is not a whole number above 0, so it was not saved. Enter a number such as 5000.', 'token-bridge' ), self::labels()[ $key ], $typed );
			return;
		}
		$this->product->update_meta_data( $key, (string) $amount );
	}

	private function check_plan(): void {
		$has_months = '' !== (string) $this->product->get_meta( Packages::MONTHS );
		$has_tokens = '' !== (string) $this->product->get_meta( Packages::PER_MONTH );
		if ( $has_months !== $has_tokens ) {
			$this->faults[] = __( 'A plan needs both tokens per month and months. Fill in both, or neither.', 'token-bridge' );
		}
	}

	/**
	 * Returns the names of the amounts by meta key.
	 *
	 * @return array<string, string>
	 */
	public static function labels(): array {
		return [
			Packages::TOKENS    => __( 'Tokens granted', 'token-bridge' ),
			Packages::PER_MONTH => __( 'Tokens per month', 'token-bridge' ),
			Packages::MONTHS    => __( 'Months of the plan', 'token-bridge' ),
		];
	}
}

<?php
/**
 * A short checkout for tokens.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Orders;

use TokenBridge\Feature;
use TokenBridge\Products\Packages;
use TokenBridge\Settings;

defined( 'ABSPATH' ) || exit;

/**
 * Asks for no street and no phone if the cart holds nothing but virtual token packages, in both kinds of checkout.
 */
final class MinimalCheckout implements Feature {

	/** Fields that are not asked for. The country stays, because taxes depend on it. */
	private const HIDDEN = [ 'company', 'address_1', 'address_2', 'city', 'state', 'postcode', 'phone' ];

	/** @var Settings */
	private $settings;

	/** @var Packages */
	private $packages;

	public function __construct( Settings $settings, Packages $packages ) {
		$this->settings = $settings;
		$this->packages = $packages;
	}

	public function register(): void {
		add_filter( 'woocommerce_billing_fields', [ $this, 'shorten_classic' ], 20 );
		add_filter( 'woocommerce_get_country_locale', [ $this, 'shorten_block' ], 20 );
	}

	/**
	 * Removes the fields from the classic checkout.
	 *
	 * @param array<string, array<string, mixed>> $fields Fields by name.
	 * @return array<string, array<string, mixed>>
	 */
	public function shorten_classic( $fields ) {
		if ( ! $this->applies() ) {
			return $fields;
		}
		foreach ( self::HIDDEN as $name ) {
			unset( $fields[ 'billing_' . $name ] );
		}
		return $fields;
	}

	/**
	 * Hides the fields of every country in the block checkout.
	 *
	 * @param array<string, array<string, array<string, mixed>>> $locales Rules of fields by country.
	 * @return array<string, array<string, array<string, mixed>>>
	 */
	public function shorten_block( $locales ) {
		if ( ! $this->applies() ) {
			return $locales;
		}
		$rule = [
			'required' => false,
			'hidden'   => true,
		];
		foreach ( $locales as $country => $rules ) {
			foreach ( self::HIDDEN as $name ) {
				$locales[ $country ][ $name ] = array_merge( $rules[ $name ] ?? [], $rule );
			}
		}
		return $locales;
	}

	private function applies(): bool {
		return $this->settings->is_on( 'minimal_checkout' ) && ! is_admin() && $this->holds_only_packages();
	}

	private function holds_only_packages(): bool {
		$cart = function_exists( 'WC' ) ? WC()->cart : null;
		if ( ! $cart || $cart->is_empty() ) {
			return false;
		}
		foreach ( $cart->get_cart() as $line ) {
			if ( ! $line['data']->is_virtual() || null === $this->packages->find( $line['data'] ) ) {
				return false;
			}
		}
		return true;
	}
}

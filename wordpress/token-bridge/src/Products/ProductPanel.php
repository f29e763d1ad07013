<?php
/**
 * The product panel.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Products;

use TokenBridge\Feature;
use WC_Product;

defined( 'ABSPATH' ) || exit;

/**
 * Adds "This is a token package" and the amounts to simple and variable products and to variations.
 */
final class ProductPanel implements Feature {

	/** @var Packages */
	private $packages;

	/** @var Prices */
	private $prices;

	/** @var PackageAdvice */
	private $advice;

	public function __construct( Packages $packages, Prices $prices, PackageAdvice $advice ) {
		$this->packages = $packages;
		$this->prices   = $prices;
		$this->advice   = $advice;
	}

	public function register(): void {
		add_action( 'woocommerce_product_options_general_product_data', [ $this, 'show' ] );
		add_action( 'woocommerce_variation_options_pricing', [ $this, 'show_variation' ], 10, 3 );
		add_action( 'admin_enqueue_scripts', [ $this, 'add_script' ] );
	}

	/**
	 * Prints the fields of a product.
	 */
	public function show(): void {
		$product = wc_get_product( get_the_ID() );
		if ( ! $product ) {
			return;
		}
		echo '<div class="options_group token-bridge-package">';
		woocommerce_wp_checkbox(
			[
				'id'          => Packages::FLAG,
				'value'       => $this->packages->is_marked( $product ) ? 'yes' : 'no',
				'label'       => __( 'Token package', 'token-bridge' ),
				'description' => __( 'This is a token package', 'token-bridge' ),
			]
		);
		$this->amounts( $product, '' );
		$this->about( $product );
		$this->advise( $product );
		echo '</div>';
	}

	/**
	 * Prints the fields of a variation.
	 *
	 * @param int      $loop      Position of the variation in the form.
	 * @param array    $unused    Not used.
	 * @param \WP_Post $variation The variation.
	 */
	public function show_variation( $loop, $unused, $variation ): void {
		$product = wc_get_product( $variation->ID );
		if ( ! $product ) {
			return;
		}
		echo '<div class="token-bridge-package">';
		$this->amounts( $product, '[' . (int) $loop . ']' );
		$this->about( $product );
		echo '</div>';
	}

	/**
	 * Adds the script that counts along, on product pages only.
	 */
	public function add_script( string $page ): void {
		if ( ! in_array( $page, [ 'post.php', 'post-new.php' ], true ) || 'product' !== get_post_type() ) {
			return;
		}
		wp_enqueue_script( 'token-bridge-product', plugins_url( 'assets/product.js', TOKEN_BRIDGE_FILE ), [], TOKEN_BRIDGE_VERSION, true );
		$known = [
			'prices'    => $this->prices->all(),
			'eachMonth' => $this->each_month(),
		];
		wp_add_inline_script( 'token-bridge-product', 'var tokenBridgeProduct = ' . wp_json_encode( $known ) . ';', 'before' );
	}

	private function amounts( WC_Product $product, string $suffix ): void {
		foreach ( PackageForm::labels() as $key => $label ) {
			woocommerce_wp_text_input(
				[
					'id'                => $key . $suffix,
					'value'             => (string) $product->get_meta( $key ),
					'label'             => $label,
					'desc_tip'          => true,
					'description'       => $this->help( $key ),
					'wrapper_class'     => '' === $suffix ? '' : 'form-row form-row-full',
					'placeholder'       => Packages::TOKENS === $key ? $this->fallback( $product ) : '',
					'custom_attributes' => [ 'inputmode' => 'numeric' ],
				]
			);
		}
	}

	private function help( string $key ): string {
		$texts = [
			Packages::TOKENS    => __( 'Tokens that each unit grants once the order is completed.', 'token-bridge' ),
			Packages::PER_MONTH => __( 'For a plan: tokens of each month. Leave empty for a package.', 'token-bridge' ),
			Packages::MONTHS    => __( 'For a plan: how many months one purchase lasts.', 'token-bridge' ),
		];
		return $texts[ $key ];
	}

	/**
	 * Returns the amount that counts while the field is empty.
	 */
	private function fallback( WC_Product $product ): string {
		$found = '' === (string) $product->get_meta( Packages::TOKENS ) ? $this->packages->find( $product ) : null;
		return null === $found || $found->is_plan() ? '' : (string) $found->tokens;
	}

	private function about( WC_Product $product ): void {
		$found = $this->packages->find( $product );
		$text  = null === $found ? '' : $this->prices->sentence( $found->tokens );
		if ( null !== $found && $found->is_plan() ) {
			$text = ltrim( $text . ' · ' . sprintf( $this->each_month(), number_format_i18n( $found->months ) ), ' ·' );
		}
		echo '<p class="form-field token-bridge-about" aria-live="polite">' . esc_html( $text ) . '</p>';
	}

	private function each_month(): string {
		/* translators: %s: number of months */
		return __( 'each month, for %s months', 'token-bridge' );
	}

	private function advise( WC_Product $product ): void {
		foreach ( $this->advice->about( $product ) as $sentence ) {
			echo '<p class="form-field token-bridge-advice"><strong>' . esc_html__( 'Note:', 'token-bridge' ) . '</strong> ' . esc_html( $sentence ) . '</p>';
		}
	}
}

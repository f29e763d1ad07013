<?php
/**
 * Products of the stand-in: posts with meta.
 */

/**
 * Reads and writes the meta of a post, as WooCommerce's data objects do.
 */
class WC_Stand_In_Data {

	protected $id = 0;

	public function __construct( $id = 0 ) {
		$this->id = (int) $id;
	}

	public function get_id() {
		return $this->id;
	}

	public function get_meta( $key, $single = true ) {
		return get_post_meta( $this->id, $key, $single );
	}

	public function meta_exists( $key ) {
		return metadata_exists( 'post', $this->id, $key );
	}

	public function update_meta_data( $key, $value ) {
		update_post_meta( $this->id, $key, $value );
	}

	public function delete_meta_data( $key ) {
		delete_post_meta( $this->id, $key );
	}

	public function save() {
		return $this->id;
	}
}

class WC_Product extends WC_Stand_In_Data {

	public function get_type() {
		if ( 'product_variation' === get_post_type( $this->id ) ) {
			return 'variation';
		}
		$type = get_post_meta( $this->id, '_type', true );
		return $type ? $type : 'simple';
	}

	public function is_type( $types ) {
		return in_array( $this->get_type(), (array) $types, true );
	}

	public function get_parent_id() {
		return wp_get_post_parent_id( $this->id );
	}

	public function get_children() {
		return get_posts(
			array(
				'post_type'   => 'product_variation',
				'post_parent' => $this->id,
				'fields'      => 'ids',
				'numberposts' => -1,
				'post_status' => 'any',
			)
		);
	}

	public function get_name() {
		return get_the_title( $this->id );
	}

	public function is_virtual() {
		return 'yes' === get_post_meta( $this->id, '_virtual', true );
	}

	public function is_downloadable() {
		return 'yes' === get_post_meta( $this->id, '_downloadable', true );
	}

	public function get_price() {
		return get_post_meta( $this->id, '_price', true );
	}
}

function wc_get_product( $id = false ) {
	$id = $id instanceof WP_Post ? $id->ID : (int) $id;
	return in_array( get_post_type( $id ), array( 'product', 'product_variation' ), true ) ? new WC_Product( $id ) : false;
}

/**
 * Prints a checkbox of the product panel.
 */
function woocommerce_wp_checkbox( $field ) {
	$value = $field['value'] ?? get_post_meta( get_the_ID(), $field['id'], true );
	echo '<p class="form-field"><label for="' . esc_attr( $field['id'] ) . '">' . esc_html( $field['label'] ) . '</label><input type="checkbox" name="' . esc_attr( $field['name'] ?? $field['id'] ) . '" id="' . esc_attr( $field['id'] ) . '" value="yes" ' . checked( $value, 'yes', false ) . '></p>';
}

/**
 * Prints a text field of the product panel.
 */
function woocommerce_wp_text_input( $field ) {
	$value = $field['value'] ?? get_post_meta( get_the_ID(), $field['id'], true );
	echo '<p class="form-field"><label for="' . esc_attr( $field['id'] ) . '">' . esc_html( $field['label'] ) . '</label><input type="text" name="' . esc_attr( $field['name'] ?? $field['id'] ) . '" id="' . esc_attr( $field['id'] ) . '" value="' . esc_attr( $value ) . '"></p>';
}

/**
 * Collects errors of the product form.
 */
class WC_Admin_Meta_Boxes {

	public static $errors = array();

	public static function add_error( $text ) {
		self::$errors[] = $text;
	}
}
